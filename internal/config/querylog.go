// Query logs of views.

package config

import (
	"errors"
	"fmt"
	"strings"

	"bailiwick/internal/querylog"
)

// queryLogKeys are the rows of the query log.
var queryLogKeys = []key{
	{key: "query_log.to", kind: kindChoice, choices: []string{"off", "file", "syslog", "journald"},
		help: "where a line for each query goes, refused ones included; no query waits for it",
		binding: bindChoice(func(c *Config) *querylog.Destination { return &c.QueryLog.To },
			querylog.Off, querylog.File, querylog.Syslog, querylog.Journal)},
	{key: "query_log.file", kind: kindPath,
		help: "file of the query log; it is opened again on ctl reload and SIGHUP, and when it " +
			"was moved or removed",
		binding: bind(func(c *Config) *string { return &c.QueryLog.Path })},
	{key: "query_log.address", kind: kindString,
		help: "socket of syslog or the journal: unix: and a path, or udp: and an address with " +
			"its port; empty for unix:/dev/log, or unix:/run/systemd/journal/socket",
		binding: bindText(func(c *Config) *string { return &c.QueryLog.Address }, logAddress)},
	{key: "query_log.format", kind: kindChoice, choices: []string{"text", "json"},
		help:    "form of the lines",
		binding: bindChoice(func(c *Config) *bool { return &c.QueryLog.JSON }, false, true)},
	{key: "query_log.sample", kind: kindInt, min: 1, max: 1 << 20,
		help:    "log one query in so many, at random",
		binding: bind(func(c *Config) *int { return &c.QueryLog.Sample })},
	{key: "query_log.clients", kind: kindChoice, choices: []string{"full", "prefix", "omit"},
		help: "what of a client's address is logged: all, its network (/24 or /56), or nothing",
		binding: bindChoice(func(c *Config) *querylog.Privacy { return &c.QueryLog.Clients },
			querylog.Full, querylog.Prefix, querylog.Omit)},
	{key: "query_log.max_size", kind: kindSize, min: 64 << 10, max: 1 << 40,
		help:    "size at which the file is renamed and another one begun",
		binding: bind(func(c *Config) *int64 { return &c.QueryLog.MaxSize })},
	{key: "query_log.files", kind: kindInt, min: 0, max: 1000,
		help:    "renamed files that are kept, with .1 for the latest; older ones are removed",
		binding: bind(func(c *Config) *int { return &c.QueryLog.Files })},
}

// QueryLogOf returns the query log of a view, by its place, and whether it has one of its own: what
// it gives, and the rest as for all others.
func (c *Config) QueryLogOf(view int) (l querylog.Config, own bool) {
	l, _ = c.logOf(&c.Views[view]) // it could be read when the view was
	return l, c.Views[view].given["query_log"]
}

// logOf returns the query log of a view.
func (c *Config) logOf(v *View) (querylog.Config, error) {
	of := &Config{folder: c.folder, QueryLog: c.QueryLog}
	var errs []error
	for _, s := range v.queryLog {
		name, text, _ := strings.Cut(s, " ")
		if s == "off" { // the whole of it
			name, text = "to", s
		}
		k := queryLogKey(name)
		if k == nil {
			errs = append(errs, fmt.Errorf("there is no %q; query_log has the names", name))
			continue
		}
		given := value{text: text}
		err := k.convert(&given)
		if err == nil {
			of.resolvePaths(k, &given)
			err = k.set(of, given)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return of.QueryLog, errors.Join(errs...)
}

// queryLogKey returns the row of a key of query_log, nil if there is none.
func queryLogKey(name string) *key {
	for i := range queryLogKeys {
		if k := &queryLogKeys[i]; k.key == "query_log."+name {
			return k
		}
	}
	return nil
}

// logContradictions finds query logs that lack their file.
func (c *Config) logContradictions(say reporter) {
	if c.QueryLog.To == querylog.File && c.QueryLog.Path == "" {
		say("query_log.to", "query_log.to is file, and query_log.file is empty: which file?")
	}
	for i := range c.Views {
		if l, own := c.QueryLogOf(i); own && l.To == querylog.File && l.Path == "" {
			say(c.Views[i].Key+".query_log", "view %s: query_log is to a file, and has no file: "+
				"which one?", c.Views[i].Name)
		}
	}
}

// logAddress reads the address of a socket for log lines, "" for none.
func logAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	_, _, err := querylog.ParseAddress(s)
	return s, err
}
