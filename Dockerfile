# Claviger in an image of its own: one static binary, the certificates of the public
# authorities, no shell, no root.
#
#   docker build -t claviger .
#   docker run -p 8080:8080 -p 8081:8081 -v claviger:/data claviger
#
# The console is told its own address, so that links and forms are right:
#   -e CLAVIGER_SERVER_BASE_URL=https://console.example.com -e CLAVIGER_GATEWAY_BASE_URL=https://api.example.com
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.release=${VERSION}" -o /out/claviger ./cmd/claviger
# An empty directory that belongs to the user: a volume begins as a copy of it.
RUN mkdir -m 0700 -p /out/data /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /out/claviger /usr/local/bin/claviger
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV ZONEINFO=/zoneinfo.zip \
    CLAVIGER_SERVER_DATA_DIR=/data \
    CLAVIGER_SERVER_LISTEN=:8080 \
    CLAVIGER_GATEWAY_LISTEN=:8081
USER 65532:65532
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/usr/local/bin/claviger", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/claviger"]
CMD ["serve"]
