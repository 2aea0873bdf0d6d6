// Lines of queries.

package querylog

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"bailiwick/internal/event"
	"bailiwick/wire"
)

// timeForm is that of RFC 3339 with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// line is a line as JSON.
type line struct {
	Time      string  `json:"time"`
	Client    string  `json:"client,omitempty"`
	Network   string  `json:"network,omitempty"`
	Transport string  `json:"transport"`
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Outcome   string  `json:"outcome"`
	Cause     string  `json:"cause"`
	AD        bool    `json:"ad"`
	From      string  `json:"from"`
	Took      float64 `json:"took_ms"`
}

// client returns what of an address is in the lines, "" for nothing.
func (c *Config) client(a netip.Addr) string { return c.Clients.Of(a) }

// Of returns what of a client's address is told, "" for nothing.
func (p Privacy) Of(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch p {
	case Omit:
		return ""
	case Prefix:
		net, err := a.Prefix(prefixOf(a))
		if err != nil {
			return ""
		}
		return net.String()
	}
	return a.String()
}

// prefixOf returns how many bits of an address are in the lines where clients are prefixes.
func prefixOf(a netip.Addr) int {
	if a.Is6() {
		return 56
	}
	return 24
}

// network returns what of a network that an answer is for is in the lines, "" for nothing: no more
// than of the client that it is the network of.
func (c *Config) network(n netip.Prefix) string {
	switch {
	case !n.IsValid() || c.Clients == Omit:
		return ""
	case c.Clients == Prefix:
		n = netip.PrefixFrom(n.Addr(), min(n.Bits(), prefixOf(n.Addr()))).Masked()
	}
	return n.String()
}

// nameOf returns the name of a question in presentation form, in which every octet that could end a
// line or a field is escaped (RFC 4343, section 2.1).
func nameOf(e *event.Event) string {
	if e.Question.Name.IsZero() {
		return "-"
	}
	return e.Question.Name.String()
}

// appendLine appends the line of a query, without its end.
func (c *Config) appendLine(b []byte, e *event.Event) []byte {
	if c.JSON {
		text, err := json.Marshal(line{e.Time.UTC().Format(timeForm), c.client(e.Client.Addr()),
			c.network(e.ClientNetwork()), e.Protocol.String(), nameOf(e), e.Question.Type.String(),
			e.Outcome(), e.Cause.Label(), e.Flags&wire.FlagAD != 0, e.Origin.String(),
			float64(e.Took.Microseconds()) / 1000})
		if err != nil { // it has no value that JSON lacks
			return b
		}
		return append(b, text...)
	}
	b = e.Time.UTC().AppendFormat(b, timeForm)
	return c.appendFields(append(b, ' '), e)
}

// appendFields appends a line in text form without its time.
func (c *Config) appendFields(b []byte, e *event.Event) []byte {
	if who := c.client(e.Client.Addr()); who != "" {
		b = append(append(append(b, "client="...), who...), ' ')
	}
	if n := c.network(e.ClientNetwork()); n != "" {
		b = append(append(append(b, "network="...), n...), ' ')
	}
	b = append(append(b, "transport="...), e.Protocol.String()...)
	b = append(append(b, " name="...), nameOf(e)...)
	b = append(append(b, " type="...), e.Question.Type.String()...)
	b = append(append(b, " outcome="...), e.Outcome()...)
	b = append(append(b, " cause="...), e.Cause.Label()...)
	b = strconv.AppendBool(append(b, " ad="...), e.Flags&wire.FlagAD != 0)
	b = strconv.AppendQuote(append(b, " from="...), e.Origin.String())
	b = append(b, " took="...)
	return append(b, e.Took.Round(time.Microsecond).String()...)
}
