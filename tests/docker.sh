# Docker for `sam local`, also on a machine without it and without a registry. To be sourced after lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

BASE_IMAGE=public.ecr.aws/lambda/provided:al2023-x86_64
# SAM builds this one on top of the base image.
EMULATION_IMAGE=public.ecr.aws/lambda/provided:al2023-rapid-x86_64

# Leaves in `why_not` what is in the way.
docker_is_ready() {
    why_not=""
    if [[ $(uname -sm) != "Linux x86_64" ]]; then
        why_not="the containers are built for Linux on x86-64"
        return 1
    fi
    docker info >/dev/null 2>&1 || start_docker || return 1
    if ! docker image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
        timeout 300 docker pull --quiet "$BASE_IMAGE" 2>/dev/null || import_stand_in || return 1
    fi
}

start_docker() {
    if ((EUID != 0)); then
        why_not="Docker is not running, and only root can start it"
        return 1
    fi
    if ! command -v dockerd >/dev/null && ! install_packages docker.io; then
        why_not="Docker is not installed, and Debian's package of it could not be"
        return 1
    fi
    start "$work/dockerd.log" dockerd
    if ! await 30 docker info; then
        why_not="dockerd does not start: $(tail -n 1 "$work/dockerd.log")"
        return 1
    fi
}

install_packages() {
    command -v apt-get >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@" >"$work/apt.out" 2>&1
}

# Where no registry can be reached, this much of a system runs a static shell and our binaries, and is removed again:
# the C library they are linked with, the commands of SAM's Dockerfile, and the certificates of the machine.
import_stand_in() {
    if ! command -v busybox >/dev/null && ! install_packages busybox-static; then
        why_not="the base image can't be pulled, and there is no busybox to build a stand-in of"
        return 1
    fi
    local root="$work/image" file
    mkdir -p "$root"/{bin,tmp,var/task,var/runtime,var/rapid}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for file in sh mv chmod cp rm; do ln -s busybox "$root/bin/$file"; done
    for file in $(ldd .aws-sam/local/*/bootstrap | grep --only-matching '/[^ :]* ' | sort --unique) \
        /etc/ssl/certs/ca-certificates.crt; do
        [[ ! -e $file ]] || (mkdir -p "$root/$(dirname "$file")" && cp --dereference "$file" "$root/$file")
    done
    tar --create --directory "$root" . | docker import --change 'WORKDIR /var/task' \
        --change 'ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' - "$BASE_IMAGE" >/dev/null
    images+=("$EMULATION_IMAGE" "$BASE_IMAGE")
    echo "No registry can be reached: a stand-in is the base image."
}
