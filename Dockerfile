# A static binary in an empty image. Build: docker build -t bailiwick . ; run: docker run -p 53:5300/udp -p 53:5300/tcp bailiwick
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /bailiwick ./cmd/bailiwick

FROM scratch
COPY --from=build /bailiwick /bailiwick
COPY deploy/container.yaml /etc/bailiwick.yaml
USER 65534:65534
EXPOSE 5300/udp 5300/tcp 5380/tcp
ENTRYPOINT ["/bailiwick"]
CMD ["serve", "--config", "/etc/bailiwick.yaml"]
