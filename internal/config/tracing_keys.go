// The keys of traces.

package config

import (
	"fmt"
	"net/url"
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
