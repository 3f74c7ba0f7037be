#!/usr/bin/env bash
# Proves that the whole template deploys, and that the deployed stack works: an emulator on this machine makes every
# resource, runs the release bootstraps with the rights of their roles, and is sent what providers and readers send.
# Needs neither Docker nor an account.
#
#   deploy.sh [<folder>]    the folder has the bootstraps, as <logical id>/bootstrap; without it they are built
#
# What the emulator leaves out is checked by template.sh.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

start_emulator() {
    GATEWAY_PORT=$(free_port)
    export GATEWAY_PORT AWS_ENDPOINT_URL="http://127.0.0.1:$GATEWAY_PORT"
    export AWS_ACCESS_KEY_ID=root AWS_SECRET_ACCESS_KEY=root-secret AWS_DEFAULT_REGION=us-east-1
    export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    mkdir "$work/emulator"
    start "$work/emulator.log" env TMPDIR="$work/emulator" AUTH=true BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 \
        MINISTACK_ACCOUNT_ID=123456789012 SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 "$stack_python" tests/deploy/emulator.py
    await 30 curl --silent --fail "$AWS_ENDPOINT_URL/_ministack/health" || tail -n 20 "$work/emulator.log"
}

# prove_all <what> <script> <argument…>: a script that prints one line for each check, and how many there were.
prove_all() {
    local what=$1
    step "$what"
    "$stack_python" "tests/deploy/$2" "${@:3}" | tee "$work/checks" || true
    check "$what" "[1-9]* passed, 0 failed" "$(tail -n 1 "$work/checks")"
}

bootstraps=${1:-.aws-sam/local}
install_stack_tools
if [[ $(uname -sm) != "Linux x86_64" ]]; then
    skip "the deployed stack" "the binaries are built for Linux on x86-64"
    summary
    exit
fi
if [[ -z ${1:-} ]]; then
    install_tools
    step "Release build"
    prove "sam build --config-env local" in_target sam build --config-env local
fi
build_local
export LOCAL="$work/local"

step "Deployment"
"$stack_python" tests/deploy/translate.py template.yaml >"$work/translated.json"
start_emulator
prove "the stack" "$stack_python" tests/deploy/stack.py "$work/translated.json" "$bootstraps" events/sources.json
prove_all "The deployed stack" checks.py "$work/translated.json"
prove_all "Each statement of the policies, removed" statements.py "$work/translated.json"
summary
