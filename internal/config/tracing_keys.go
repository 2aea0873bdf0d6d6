// The keys of traces.

package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"bailiwick/internal/querylog"
)

// tracingKeys are the rows of traces of resolutions.
var tracingKeys = []key{
	{key: "tracing.endpoint", kind: kindString,
		help: "URL of a collector of traces (OTLP over HTTP), such as " +
			"http://127.0.0.1:4318/v1/traces; empty for none; no query waits for it",
		binding: bindText(func(c *Config) *string { return &c.Tracing.Endpoint }, collectorURL)},
	{key: "tracing.failed", kind: kindBool,
		help:    "resolutions that fail are traced",
		binding: bind(func(c *Config) *bool { return &c.Tracing.Failed })},
	{key: "tracing.slow", kind: kindDuration, min: 0, max: 3600,
		help:    "resolutions that take as long are traced; 0: not for that",
		binding: bind(func(c *Config) *time.Duration { return &c.Tracing.Slow })},
	{key: "tracing.sample", kind: kindInt, min: 0, max: 1 << 30,
		help:    "one in so many of all others is traced, by a count; 0: none",
		binding: bind(func(c *Config) *int { return &c.Tracing.Sample })},
	{key: "tracing.clients", kind: kindChoice, choices: []string{"full", "prefix", "omit"},
		help: "what of a client's address is in traces: all, its network (/24 or /56), or nothing",
		binding: bindChoice(func(c *Config) *querylog.Privacy { return &c.Tracing.Clients },
			querylog.Full, querylog.Prefix, querylog.Omit)},
	{key: "tracing.compression", kind: kindChoice, choices: []string{"none", "gzip"},
		help:    "how traces are compressed",
		binding: bindChoice(func(c *Config) *bool { return &c.Tracing.Gzip }, false, true)},
	{key: "tracing.headers_file", kind: kindPath,
		help: "file of header fields, one a line such as Authorization: Bearer TOKEN, that the " +
			"receiver demands; it is read again by a reload",
		binding: bind(func(c *Config) *string { return &c.Tracing.HeadersFile })},
	{key: "tracing.tls_ca", kind: kindPath,
		help: "file of the authorities that the receiver's certificate is issued by; read again " +
			"when it changes; empty: the system's",
		binding: bind(func(c *Config) *string { return &c.Tracing.TLSRoots })},
	{key: "tracing.tls_certificate", kind: kindPath,
		help: "file of this server's certificate, if the receiver demands one; read again when " +
			"it changes",
		binding: bind(func(c *Config) *string { return &c.Tracing.TLSCertificate })},
	{key: "tracing.tls_key", kind: kindPath,
		help:    "file of the key of tracing.tls_certificate; read again when it changes",
		binding: bind(func(c *Config) *string { return &c.Tracing.TLSKey })},
}

// collectorURL reads the address of a collector, "" for none. A password would be in the log.
func collectorURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%q is no URL such as http://127.0.0.1:4318/v1/traces", s)
	}
	return s, nil
}

// tracingContradictions finds keys of traces that do not fit together.
func (c *Config) tracingContradictions(say reporter) {
	t := &c.Tracing
	if c.bad["tracing.endpoint"] {
		return
	}
	for _, k := range [...][2]string{{"tracing.headers_file", t.HeadersFile},
		{"tracing.tls_ca", t.TLSRoots}, {"tracing.tls_certificate", t.TLSCertificate},
		{"tracing.tls_key", t.TLSKey}} {
		switch {
		case k[1] == "":
		case t.Endpoint == "":
			say(k[0], "%s is of use with tracing.endpoint alone", k[0])
		case strings.HasPrefix(k[0], "tracing.tls_") && strings.HasPrefix(t.Endpoint, "http:"):
			say(k[0], "%s is of no use: tracing.endpoint is without TLS", k[0])
		}
	}
	if (t.TLSCertificate == "") != (t.TLSKey == "") {
		say("tracing.tls_certificate", "tracing.tls_certificate and tracing.tls_key "+
			"need each other")
	}
}

// warnOfTracing finds tokens that others may see.
func (c *Config) warnOfTracing(warn reporter) {
	u, err := url.Parse(c.Tracing.Endpoint)
	if err != nil || u.Scheme != "http" || c.Tracing.HeadersFile == "" {
		return
	}
	if at, err := netip.ParseAddr(u.Hostname()); err != nil || !at.IsLoopback() {
		warn("tracing.headers_file", "traces are sent to %s without TLS: whoever sees the packets "+
			"sees the header fields", u.Host)
	}
}
