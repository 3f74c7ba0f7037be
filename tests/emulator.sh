#!/usr/bin/env bash
# Proves the release binaries under Lambda's runtime interface emulator, which needs no Docker and no account: each
# is started as Lambda starts it, and invoked over HTTP. Many invocations of one process are cheap here, so this is
# where hostile events go. What providers send, and forgeries of it, deploy.sh sends to all functions at once.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# boot <function>: starts a function; `url` is where to invoke it.
boot() {
    local name=${1^} port
    port=$(free_port)
    url="http://127.0.0.1:$port/2015-03-31/functions/function/invocations"
    log="$work/$1.log"
    start "$log" "$emulator" --runtime-interface-emulator-address "127.0.0.1:$port" \
        --runtime-api-address "127.0.0.1:$(free_port)" "$PWD/.aws-sam/local/${name}Function/bootstrap"
    await 10 bash -c "</dev/tcp/127.0.0.1/$port"
}

# Invokes the function on the event from standard input, and prints its answer on one line.
invoke() {
    curl --silent --show-error --max-time 60 --data-binary @- "$url" | python3 tests/answer.py
}

# Replaces a part of the event from standard input: change <Python assignment to a part of `event`>.
change() {
    python3 -c "import json, sys; event = json.load(sys.stdin); $1; json.dump(event, sys.stdout)"
}

signed() { "$work/local" event "$1"; }

# What every receiver does with events that API Gateway would not send, and providers neither.
prove_refusals() {
    local sample=$1 said
    check "$sample, not base64" "400 body_unreadable" \
        "$(signed "$sample" | change 'event.update(body="%%%", isBase64Encoded=True)' | invoke)"
    check "$sample, base64 cut off" "400 body_unreadable" \
        "$(signed "$sample" | change 'event.update(body="QUJDR", isBase64Encoded=True)' | invoke)"
    said=$(signed "$sample" | change 'event.pop("body")' | invoke)
    # Without a body, a signature fits nothing. A token in the URL fits, and an empty body can't be read.
    case $sample in
        callkaro-* | agni-*) check "$sample, no body" "200 quarantined" "$said" ;;
        *) check "$sample, no body" "40[01] *" "$said" ;;
    esac
    check "$sample, another method" "405 method_not_allowed" \
        "$(signed "$sample" | change 'event["requestContext"]["http"]["method"] = "GET"' | invoke)"
    check "$sample, another source" "404 source_unknown" \
        "$(signed "$sample" | change 'event["pathParameters"]["source"] = "other"' | invoke)"
    check "$sample, too large" "413 body_too_large" \
        "$(signed "$sample" | change 'event.update(body=" " * (4 * 1024 * 1024 + 1), isBase64Encoded=False)' | invoke)"
    check "$sample, not an event of API Gateway" "failed *" "$(echo '{"a": 1}' | invoke)"
    check "$sample, once more after all that" "200 duplicate ?*" "$(signed "$sample" | invoke)"
}

prove_receiver() {
    local provider=$1 samples name
    step "$provider"
    boot "$provider"
    mapfile -t samples < <("$work/local" send --list | grep "^$provider-")
    for name in "${samples[@]}"; do
        check "$name" "200 accepted ?*" "$(signed "$name" | invoke)"
    done
    prove_refusals "${samples[0]}"
    check "$provider's log has no panic in it" 0 "$(grep --count panicked "$log" || true)"
    stop_last
}

prove_query() {
    step "query"
    boot query
    check query-call "200 completed *" "$(invoke <events/query-call.json)"
    check query-calls "200 2 calls" "$(invoke <events/query-calls.json)"
    stop_last
}

prove_upkeep() {
    step "upkeep"
    boot upkeep
    check upkeep-replay "404 delivery_unknown" "$(invoke <events/upkeep-replay.json)"
    check upkeep-schedule "{}" "$(invoke <events/upkeep-schedule.json)"
    stop_last
}

prove_recordings() {
    step "recordings"
    boot recordings
    make_due CALL#sautikit#default#01900000-0000-7000-8000-000000000003 \
        RECORDING#01900000-0000-7000-8000-000000000005 https://127.0.0.1/a.mp3
    check recordings-stream '{"ended":1,"retry":0,"skipped":0,"stored":0,"unavailable":0}' \
        "$(invoke <events/recordings-stream.json)"
    check "recordings-stream again" '{"ended":0,"retry":0,"skipped":1,"stored":0,"unavailable":0}' \
        "$(invoke <events/recordings-stream.json)"
    check recordings-schedule '{"ended":0,"retry":*,"skipped":*,"stored":0,"unavailable":0}' \
        "$(invoke <events/recordings-schedule.json)"
    stop_last
}

# A function without a source starts, and takes nothing.
prove_without_sources() {
    step "Without sources"
    local provider sample
    for provider in sautikit telnyx callkaro agni; do
        SOURCES='{}' boot "$provider"
        sample=$("$work/local" send --list | grep --max-count 1 "^$provider-")
        check "$provider" "404 source_unknown" "$(signed "$sample" | invoke)"
        stop_last
    done
    SOURCES='{}' boot query
    check query "401 token_mismatch" "$(invoke <events/query-calls.json)"
    stop_last
    SOURCES='{}' boot upkeep
    check upkeep "401 token_mismatch" "$(invoke <events/upkeep-replay.json)"
    stop_last
}

# Where a person wrote the sources and one is wrong, no function starts, and its log says what is wrong.
prove_no_start() {
    step "With sources that are not right"
    local name
    for name in sautikit telnyx callkaro agni query upkeep recordings; do
        SOURCES='{"agni":{"default":{}}}' boot "$name"
        check "$name" "no answer" "$(signed sautikit-call-started | invoke)"
        check "$name says why" "*SOURCES*agni.default: tokens must hold*" \
            "$(grep --max-count 1 "can't start" "$log" || tail -n 3 "$log")"
        stop_last
    done
}

install_tools
emulator=$(find .venv -path '*/samcli/local/rapid/aws-lambda-rie-x86_64')
if [[ $(uname -sm) != "Linux x86_64" || -z $emulator ]]; then
    skip "the release binaries" "the emulator and the binaries are for Linux on x86-64"
    summary
    exit
fi
step "Release build"
prove "sam build --config-env local" in_target sam build --config-env local
start_stores 127.0.0.1
export_environment

prove_receiver sautikit
prove_receiver telnyx
prove_receiver callkaro
prove_receiver agni
prove_query
prove_upkeep
prove_recordings
prove_without_sources
prove_no_start
summary
