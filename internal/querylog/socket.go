// Syslog and the journal: a datagram for each line.

package querylog

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"bailiwick/internal/event"
	"bailiwick/internal/logfile"
)

// The usual sockets.
const (
	syslogSocket  = "unix:/dev/log"
	journalSocket = "unix:/run/systemd/journal/socket"
)

// priority is that of the lines: facility daemon, severity informational (RFC 5424, section 6.2.1).
const priority = 3*8 + 6

// socket sends lines as datagrams.
type socket struct {
	network, address string
	form             func(b []byte, e *event.Event, c *Config) []byte

	conn  net.Conn // nil after an error
	tried time.Time
}

// ParseAddress takes an address apart: unix: and a path, or udp: and an address with a port.
func ParseAddress(s string) (network, address string, err error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch {
	case scheme == "unix" && strings.HasPrefix(rest, "/"):
		return "unixgram", rest, nil
	case scheme == "udp":
		if host, port, err := net.SplitHostPort(rest); err == nil && host != "" && port != "" {
			return "udp", rest, nil
		}
	}
	return "", "", fmt.Errorf("%q is not an address such as unix:/dev/log or udp:192.0.2.1:514", s)
}

// newSocket returns the output to syslog or the journal. The configuration has checked the address.
func newSocket(cfg Config) *socket {
	s := &socket{form: syslogForm()}
	usual := syslogSocket
	if cfg.To == Journal {
		s.form, usual = appendJournal, journalSocket
	}
	if cfg.Address != "" {
		usual = cfg.Address
	}
	s.network, s.address, _ = ParseAddress(usual)
	return s
}

// syslogForm returns what appends a line as RFC 5424 has it. A name is in no place where a daemon
// would take it for something else: it is escaped, and part of the message.
func syslogForm() func([]byte, *event.Event, *Config) []byte {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "-"
	}
	return func(b []byte, e *event.Event, c *Config) []byte {
		b = fmt.Appendf(b, "<%d>1 %s %.255s bailiwick %d query - ", priority,
			e.Time.UTC().Format(timeForm), host, os.Getpid())
		if c.JSON {
			return c.appendLine(b, e)
		}
		return c.appendFields(b, e)
	}
}

// appendJournal appends a line as the journal's own protocol has it, with fields of its own.
func appendJournal(b []byte, e *event.Event, c *Config) []byte {
	b = append(b, "PRIORITY=6\nSYSLOG_IDENTIFIER=bailiwick\nMESSAGE="...)
	if c.JSON {
		b = c.appendLine(b, e)
	} else {
		b = c.appendFields(b, e)
	}
	b = fmt.Appendf(b, "\nDNS_NAME=%s\nDNS_TYPE=%s\nDNS_OUTCOME=%s\nDNS_CAUSE=%s\n", nameOf(e),
		e.Question.Type, e.Outcome(), e.Cause.Label())
	if who := c.client(e.Client.Addr()); who != "" {
		b = fmt.Appendf(b, "DNS_CLIENT=%s\n", who)
	}
	if n := c.network(e.ClientNetwork()); n != "" {
		b = fmt.Appendf(b, "DNS_NETWORK=%s\n", n)
	}
	return b
}

// append implements output.
func (s *socket) append(b []byte, e *event.Event, c *Config) []byte { return s.form(b, e, c) }

// write implements output.
func (s *socket) write(lines [][]byte) (n int, err error) {
	for _, line := range lines {
		if s.conn == nil {
			if time.Since(s.tried) < retryTime {
				return n, logfile.ErrWaiting
			}
			if err := s.reopen(); err != nil {
				return n, err
			}
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(sendTime))
		if _, err := s.conn.Write(line); err != nil {
			s.close()
			return n, err
		}
		n++
	}
	return n, nil
}

// reopen implements output.
func (s *socket) reopen() (err error) {
	s.close()
	s.tried = time.Now()
	s.conn, err = net.DialTimeout(s.network, s.address, sendTime)
	if err != nil {
		s.conn = nil
	}
	return err
}

// close implements output.
func (s *socket) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
