// The keys of dnstap.

package config

import (
	"errors"
	"fmt"
	"slices"

	"bailiwick/internal/dnstap"
	"bailiwick/internal/querylog"
)

// dnstapPort is that of readers by custom; none is registered.
const dnstapPort = 6000

// dnstapKeys are the rows of copies of messages.
var dnstapKeys = []key{
	{key: "dnstap.to", kind: kindChoice, choices: []string{"off", "file", "unix", "tcp"},
		help: "where copies of DNS messages go (dnstap); no query waits for it",
		binding: bindChoice(func(c *Config) *dnstap.Destination { return &c.Dnstap.To },
			dnstap.Off, dnstap.File, dnstap.Unix, dnstap.TCP)},
	{key: "dnstap.file", kind: kindPath,
		help: "file of messages; a file that is there already is renamed first. It is begun " +
			"anew on ctl reload, SIGHUP and by itself when it was moved or removed",
		binding: bind(func(c *Config) *string { return &c.Dnstap.Path })},
	{key: "dnstap.socket", kind: kindPath,
		help:    "Unix socket at which a reader listens",
		binding: bind(func(c *Config) *string { return &c.Dnstap.Socket })},
	{key: "dnstap.address", kind: kindString,
		help: "address and port (6000 without one) at which a reader listens; a name would have " +
			"to be resolved by this server",
		binding: bindText(func(c *Config) *string { return &c.Dnstap.Address }, readerAddress)},
	{key: "dnstap.messages", kind: kindList,
		help: "kinds of messages: client_query, client_response, resolver_query, " +
			"resolver_response, forwarder_query, forwarder_response",
		binding: bindList(func(c *Config) *[]dnstap.Kind { return &c.Dnstap.Messages },
			messageKinds)},
	{key: "dnstap.sample", kind: kindInt, min: 1, max: 1 << 20,
		help: "copy the messages of one query in so many: the first of each, of clients and to " +
			"servers by themselves; its response with it",
		binding: bind(func(c *Config) *int { return &c.Dnstap.Sample })},
	{key: "dnstap.clients", kind: kindChoice, choices: []string{"full", "prefix", "omit"},
		help: "what of a client's address is told: all with the port, its network (/24 or /56), " +
			"or nothing; the message itself is copied as it is",
		binding: bindChoice(func(c *Config) *querylog.Privacy { return &c.Dnstap.Clients },
			querylog.Full, querylog.Prefix, querylog.Omit)},
	{key: "dnstap.identity", kind: kindString,
		help: "name of this server in messages; auto: the machine's; empty for none",
		binding: bindText(func(c *Config) *string { return &c.Dnstap.Identity },
			dnstapText)},
	{key: "dnstap.version", kind: kindString,
		help:    "version of this server in messages; auto: this program's; empty for none",
		binding: bindText(func(c *Config) *string { return &c.Dnstap.Version }, dnstapText)},
	{key: "dnstap.max_size", kind: kindSize, min: 64 << 10, max: 1 << 40,
		help:    "size at which the file is renamed and another one begun",
		binding: bind(func(c *Config) *int64 { return &c.Dnstap.MaxSize })},
	{key: "dnstap.files", kind: kindInt, min: 0, max: 1000,
		help:    "renamed files that are kept, with .1 for the latest; older ones are removed",
		binding: bind(func(c *Config) *int { return &c.Dnstap.Files })},
}

// dnstapContradictions finds a destination without a place.
func (c *Config) dnstapContradictions(say reporter) {
	d := &c.Dnstap
	place := map[dnstap.Destination]struct{ key, text string }{
		dnstap.File: {"file", d.Path}, dnstap.Unix: {"socket", d.Socket},
		dnstap.TCP: {"address", d.Address}}[d.To]
	switch {
	case d.To == dnstap.Off:
	case place.text == "":
		say("dnstap.to", "dnstap.to is %s, and dnstap.%s is empty: where to?", d.To, place.key)
	case len(d.Messages) == 0:
		say("dnstap.messages", "dnstap.messages is empty: turn it off with dnstap.to")
	}
}

// readerAddress reads the address of a reader, "" for none.
func readerAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	a, err := address(s, dnstapPort)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// dnstapText reads a text that goes into each message.
func dnstapText(s string) (string, error) {
	if len(s) > dnstap.MaxText {
		return "", fmt.Errorf("%q has more than %d octets", s, dnstap.MaxText)
	}
	return s, nil
}

// messageKinds reads kinds of messages.
func messageKinds(list []string) (out []dnstap.Kind, err error) {
	var errs []error
	for i, s := range list {
		at := slices.IndexFunc(dnstap.Kinds(), func(k dnstap.Kind) bool { return k.String() == s })
		if at < 0 {
			errs = append(errs, inItem(i, fmt.Errorf("%q is no kind of messages: there are %v", s,
				dnstap.Kinds())))
			continue
		}
		if k := dnstap.Kinds()[at]; !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out, errors.Join(errs...)
}
