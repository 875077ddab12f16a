#!/usr/bin/env bash
# Builds the application's image and gives it to a registry: by default Oracle Cloud's (OCIR). README: "Publicar a imagem".
#   REGION_KEY=gru NAMESPACE=axabcdefghij OCIR_USER=ana@example.org ./push.sh 1.0.0 < token
# The auth token comes from standard input: no other program of this machine sees it. It is logged out at the end, whatever happens. ENGINE=docker does the same with Docker.
set -euo pipefail
cd "$(dirname "$0")"

engine=${ENGINE:-cais}
version=${1:?"say which version: ./push.sh 1.0.0"}
: "${NAMESPACE:?the tenancy\'s namespace: oci os ns get}" "${OCIR_USER:?who logs in, as Oracle Cloud names them}"
registry=${REGISTRY:-${REGION_KEY:?the region\'s key, gru for São Paulo: oci iam region list}.ocir.io}
# The second part of the path may be anything; here it is who owns the image, in the letters a repository may have.
owner=$(tr '[:upper:]' '[:lower:]' <<<"${OCIR_USER##*/}" | sed 's/[^a-z0-9._-]/-/g')
name=${IMAGE_NAME:-fotogal}
image=$registry/$NAMESPACE/$owner/$name:$version
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

# Credentials in a folder of their own, which ends with this script.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
logged_in=
finish() {
  [ -z "$logged_in" ] || "$engine" logout "$registry" >&2
  rm -rf "$DOCKER_CONFIG"
}
trap finish EXIT

"$engine" image build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" -t "$image" app
"$engine" login --username "${LOGIN:-$NAMESPACE/$OCIR_USER}" --password-stdin "$registry"
logged_in=yes
pushed=$("$engine" image push "$image" | tee /dev/stderr | grep -oE 'sha256:[0-9a-f]{64}' | tail -1)

# What the registry itself says that the tag is now: asked anew, not what this machine remembers.
found=$("$engine" image pull "$image" | sed -n 's/^Digest: //p')
if [ -z "$pushed" ] || [ "$found" != "$pushed" ]; then
  echo "push.sh: $image is ${found:-nothing} in the registry, and not ${pushed:-what was pushed}" >&2
  exit 1
fi
echo "$image@$found"
