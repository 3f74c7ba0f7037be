#!/usr/bin/env bash
# Proves the template without building anything: cfn-lint reads it as it is written and as SAM translates it, and the
# translation says what an emulator could not show. Needs no account.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# lint <file> [<option>…]
lint() { "$stack_python" -c 'import cfnlint.runner as run, sys; sys.exit(run.main())' "${@:2}" -- "$1"; }

# SAM uses the parameter of the rollout and its mapping up, so nothing in the translation refers to them.
lint_translated() { lint "$1" --ignore-checks W2001 W7001; }

# translate <template> <translation> [<parameter>=<value>…]
translate() { "$stack_python" tests/deploy/translate.py "$1" "${@:3}" >"$2"; }

# cfn-lint does not look inside the events of a SAM function.
# prove_that_it_is_caught <what> <sed script> <what is said about it>: a pattern
prove_that_it_is_caught() {
    local what=$1 script=$2 said=$3
    sed "$script" template.yaml >"$work/spoilt.yaml"
    check "$what is another template" "exit 1" "exit $(cmp --silent template.yaml "$work/spoilt.yaml"; echo $?)"
    prove "$what, as written: cfn-lint finds nothing" lint "$work/spoilt.yaml"
    check "$what, translated" "$said" \
        "$({ translate "$work/spoilt.yaml" "$work/spoilt.json" && lint_translated "$work/spoilt.json"; } 2>&1 || true)"
}

install_stack_tools

step "cfn-lint, on the template and on SAM's translation of it"
prove "as written" lint template.yaml
prove "translation" translate template.yaml "$work/translated.json"
prove "translated" lint_translated "$work/translated.json"
prove "translation for a rollout in steps" translate template.yaml "$work/steps.json" Rollout=Canary10Percent5Minutes
prove "translated for a rollout in steps" lint_translated "$work/steps.json"

step "What cfn-lint finds only in the translation"
prove_that_it_is_caught "ParallelizationFactor: 1000" 's/\(ParallelizationFactor:\) .*$/\1 1000/' \
    "*E3034 1000 is greater than the maximum of 10*"
prove_that_it_is_caught "a misspelt StartingPosition" 's/StartingPosition:/StartingPostion:/' \
    "*StartingPostion not defined for resource of type DynamoDB*"

step "What an emulator leaves out"
"$stack_python" tests/deploy/promises.py "$work/translated.json" | tee "$work/promises" || true
check "promises of the translation" "* 0 failed" "$(tail -n 1 "$work/promises")"
summary
