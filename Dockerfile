# The image: keepone, Open MPI, and ssh between the pods of one job.
#
#     docker build -t keepone .
#     docker run --rm -v "$PWD:/data" -w /data keepone find --export AWSDynamoDB ...
#
# For amd64 and arm64.  What it needs to run, and the settings it knows: README.md, "The image".

FROM debian:bookworm-slim AS build
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config libopenmpi-dev libcurl4-openssl-dev libssl-dev \
        libzstd-dev libisal-dev libxxhash-dev libyaml-dev libutf8proc-dev libexpat1-dev
WORKDIR /keepone
COPY CMakeLists.txt ./
COPY include include
COPY src src
RUN cmake -B build -G Ninja -DKEEPONE_TESTS=OFF \
 && cmake --build build \
 && strip build/keepone

FROM debian:bookworm-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="keepone" \
      org.opencontainers.image.description="Finds and removes duplicate items of DynamoDB tables" \
      org.opencontainers.image.version="$VERSION"

# Purged at once: what hwloc wants in order to draw X displays and GPUs (42 MB, never loaded here),
# and the host keys that every copy of the image would share.
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        openmpi-bin libcurl4 libssl3 libzstd1 libisal2 libyaml-0-2 libutf8proc2 libexpat1 \
        openssh-client openssh-server ca-certificates \
 && dpkg --purge --force-depends libhwloc-plugins ocl-icd-libopencl1 libxml2 libicu72 \
        libxnvctrl0 libxext6 libx11-6 libx11-data libxcb1 libxau6 libxdmcp6 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /etc/ssh/ssh_host_* \
 && useradd --uid 10001 --user-group --create-home --shell /bin/bash keepone

COPY --from=build /keepone/build/keepone /usr/bin/keepone
COPY scripts/launch /usr/bin/keepone-launch
USER 10001:10001
ENTRYPOINT ["/usr/bin/keepone-launch"]
