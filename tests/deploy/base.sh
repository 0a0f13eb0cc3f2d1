#!/bin/sh
# Makes a base image for the Dockerfile where no registry can be reached: Debian with Python, from the Debian archive.
# Takes the name of the image; further words go to buildah (--root, --runroot). Needs root, buildah and mmdebstrap.
#   sh tests/deploy/base.sh localhost/python-base
#   buildah bud --isolation chroot --build-arg BASE=localhost/python-base -t localhost/sallyport .
set -eu
name=$1
shift
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates trixie "$tree/base.tar"
container=$(buildah "$@" from scratch)
buildah "$@" add --quiet "$container" "$tree/base.tar" /
# Whom this machine trusts, the base trusts: a network that opens TLS has a certificate authority of its own.
authorities=/etc/ssl/certs/ca-certificates.crt
buildah "$@" add --quiet "$container" "$authorities" "$authorities"
buildah "$@" config --env "SSL_CERT_FILE=$authorities" --env "PIP_CERT=$authorities" "$container"
buildah "$@" commit --quiet "$container" "$name"
buildah "$@" rm "$container"
