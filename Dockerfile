# A static binary in an image without anything else: docs/container.md.
FROM golang:1.26 AS build
ARG VERSION=development
ARG REVISION=
ARG BUILT=
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/bailiwick -ldflags="-s -w \
    -X main.version=$VERSION -X main.revision=$REVISION -X bailiwick/internal/clock.built=$BUILT" \
    ./cmd/bailiwick
RUN mkdir /out/state /out/run

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/bailiwick /bailiwick
COPY deploy/container.yaml /etc/bailiwick/bailiwick.yaml
COPY --from=build --chown=65534:65534 /out/state /var/lib/bailiwick
COPY --from=build --chown=65534:65534 /out/run /run/bailiwick
ENV STATE_DIRECTORY=/var/lib/bailiwick RUNTIME_DIRECTORY=/run/bailiwick
USER 65534:65534
VOLUME ["/var/lib/bailiwick"]
EXPOSE 5300/udp 5300/tcp 5380/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["/bailiwick", "health", "--config", "/etc/bailiwick/bailiwick.yaml"]
ENTRYPOINT ["/bailiwick"]
CMD ["serve", "--config", "/etc/bailiwick/bailiwick.yaml"]
