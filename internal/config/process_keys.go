// The keys of the process: control, state, shutdown, logs, records of failures and the clock.

package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"bailiwick/internal/console"
	"bailiwick/internal/incident"
	"bailiwick/internal/observe"
	"bailiwick/internal/recorder"
	"bailiwick/wire"
)

// processKeys are the rows of how the process is run and watched.
var processKeys = []key{
	{key: "admin.listen", kind: kindString,
		help: "address of the admin listener (/metrics, /healthz, /readyz, /console/); empty for " +
			"none",
		binding: bindText(func(c *Config) *string { return &c.Console.Listen }, adminAddress)},
	{key: "admin.console", kind: kindBool,
		help: "whether admin.listen has a web page, at /console/; what it shows it asks the API " +
			"for, with a token of api.token_file that whoever opens it types in",
		binding: bind(func(c *Config) *bool { return &c.Console.Page })},
	{key: "admin.metrics_token", kind: kindBool,
		help: "whether /metrics takes a token of api.token_file with the role read or operate, " +
			"as Prometheus sends it (authorization: credentials_file); /healthz and /readyz do not",
		binding: bind(func(c *Config) *bool { return &c.Console.Closed })},
	{key: "admin.tls_certificate", kind: kindPath,
		help: "PEM file with the certificate chain of admin.listen, which is https then; read " +
			"again when it changes; empty: admin.listen is without TLS",
		binding: bind(func(c *Config) *string { return &c.Console.TLSCertificate })},
	{key: "admin.tls_key", kind: kindPath,
		help:    "PEM file with the key of admin.tls_certificate; read again when it changes",
		binding: bind(func(c *Config) *string { return &c.Console.TLSKey })},
	{key: "admin.client_ca", kind: kindPath,
		help: "PEM file of authorities: /metrics is for clients with a certificate of theirs " +
			"(Prometheus' tls_config), or with a token if admin.metrics_token says so; read " +
			"again when it changes; empty: no client is asked for one",
		binding: bind(func(c *Config) *string { return &c.Console.ClientCA })},
	{key: "control.socket", kind: kindPath, choices: []string{"auto"},
		help: "path of the control socket for `bailiwick ctl`; auto: where ctl looks by itself, " +
			"/run/bailiwick/control.sock for root; empty for none; its owner may use it, and " +
			"its group if control.socket_mode says so",
		binding: bind(func(c *Config) *string { return &c.Console.Socket })},
	{key: "control.socket_group", kind: kindString,
		help: "group that the control socket belongs to, by name or number; empty for the " +
			"server's own",
		binding: bindText(func(c *Config) *string { return &c.Console.Group }, group)},
	{key: "control.socket_mode", kind: kindChoice, choices: []string{"600", "660"},
		help: "who may use the control socket: 600 its owner, 660 also its group; whoever may " +
			"use it can do all that ctl can",
		binding: bindChoice(func(c *Config) *fs.FileMode { return &c.Console.Mode },
			console.OwnerOnly, console.WithGroup)},
	{key: "api.token_file", kind: kindPath,
		help: "file with the tokens of the API at /api/v1 of admin.listen: a line each with a " +
			"name, a role (read or operate) and the token; only the server's user and group may " +
			"read it; empty: there is no API",
		binding: bind(func(c *Config) *string { return &c.Console.TokenFile })},
	{key: "api.hosts", kind: kindList,
		help: "names that the API and the console are used by, besides localhost and addresses: " +
			"others are refused, against pages that give their own name an address of this machine",
		binding: bindList(func(c *Config) *[]string { return &c.Console.Hosts }, hosts)},
	{key: "state.directory", kind: kindPath, choices: []string{"auto"},
		help: "directory for what is learnt and has to outlive a restart; it belongs to the " +
			"server's user, and nobody else may write to it; auto: that of systemd " +
			"(StateDirectory=), else none; empty for none",
		binding: bind(func(c *Config) *string { return &c.State.Directory })},
	{key: "shutdown.wait", kind: kindDuration, min: 0, max: 3600,
		help: "how long the server goes on after SIGTERM or `bailiwick ctl drain` with /readyz " +
			"turned off, so that load balancers send their clients elsewhere",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.Wait })},
	{key: "shutdown.answers", kind: kindDuration, min: 0, max: 60,
		help: "how long queries in work may take then; afterwards they are answered with " +
			"SERVFAIL and the cause stopping",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.Answers })},
	{key: "log.level", kind: kindChoice, choices: []string{"debug", "info", "warn", "error"},
		help: "least severity that is logged",
		binding: bindChoice(func(c *Config) *slog.Level { return &c.Log.Level }, slog.LevelDebug,
			slog.LevelInfo, slog.LevelWarn, slog.LevelError)},
	{key: "log.format", kind: kindChoice, choices: []string{"text", "json", "journal", "auto"},
		help: "form of log lines; journal: to the journal of systemd, with the attributes of a " +
			"line as fields; auto: the same if standard error is connected to it, else text",
		binding: bindChoice(func(c *Config) *observe.Format { return &c.Log.Format },
			observe.Text, observe.JSON, observe.Fields, observe.Auto)},
	{key: "failures.keep", kind: kindInt, min: 0, max: recorder.MaxKept,
		help: "how many failed resolutions are kept with all of their steps, for ctl failures " +
			"list; 0: none is recorded",
		binding: bind(func(c *Config) *int { return &c.Recorder.Keep })},
	{key: "incidents.queries", kind: kindInt, min: 1, max: 1 << 20,
		help: "how many queries have to fail for one zone and cause, within an hour of each " +
			"other, before there is an incident",
		binding: bind(func(c *Config) *int { return &c.Incidents.Queries })},
	{key: "incidents.settle", kind: kindDuration, min: 1, max: 86400,
		help:    "how long names of the zone have to be resolved again before its incident ends",
		binding: bind(func(c *Config) *time.Duration { return &c.Incidents.Settle })},
	{key: "incidents.client_series", kind: kindInt, min: 0, max: incident.MaxNetworks,
		help: "how many client networks have series of their own in the metrics: those that most " +
			"failures of validation hit; 0: none, as where networks must not be in metrics",
		binding: bind(func(c *Config) *int { return &c.Incidents.Series })},
	{key: "incidents.test_zones", kind: kindList,
		help: "zones that are broken on purpose, for tests of resolvers: failures at and below " +
			"them are counted apart, and are not incidents",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Incidents.TestZones },
			domainNames)},
	{key: "clock.start", kind: kindTime,
		help:    "time that the clock starts at; only in builds with the tag testclock",
		binding: bind(func(c *Config) *time.Time { return &c.ClockStart })},
	{key: "clock.earliest", kind: kindString,
		help: "signatures are judged at this time if the clock shows an earlier one, as on a " +
			"machine that starts without a clock: a time, none, or build, when this program was " +
			"built (but for clock.start)",
		binding: bindText(func(c *Config) *string { return &c.ClockEarliest }, earliest)},
	{key: "clock.time_servers", kind: kindList,
		help: "names at and below which answers that do not verify are served while the clock is " +
			"known to be wrong: those of time servers, without which it could not be set",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Resolver.TimeServers },
			domainNames)},
}

// adminPort is the admin listener's own.
const adminPort = 5380

// adminAddress reads the address of the admin listener, "" for none.
func adminAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	a, err := address(s, adminPort)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// group reads a group of this machine, "" for none.
func group(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if _, err := console.GroupID(s); err != nil {
		return "", fmt.Errorf("%q is not a group of this machine", s)
	}
	return s, nil
}

// hosts reads names of this machine, as a Host field has them.
func hosts(list []string) ([]string, error) {
	return goodItems(list, func(s string) (string, error) {
		n, err := wire.ParseName(s)
		if err != nil {
			return "", fmt.Errorf("%q is not a name: %w", s, err)
		}
		return strings.TrimSuffix(strings.ToLower(n.String()), "."), nil
	})
}
