// The log in the journal of systemd, with fields: its native protocol.

package observe

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// journalSocket is where the journal of systemd listens.
const journalSocket = "/run/systemd/journal/socket"

// daemon writes datagrams to the journal. It connects anew after an error.
type daemon struct {
	path string
	conn net.Conn // nil after an error
}

// Write implements io.Writer: each call is an entry of the journal.
func (d *daemon) Write(entry []byte) (int, error) {
	if d.conn == nil {
		c, err := net.Dial("unixgram", d.path)
		if err != nil {
			return 0, err
		}
		d.conn = c
	}
	_ = d.conn.SetWriteDeadline(time.Now().Add(logTimeout))
	n, err := d.conn.Write(entry)
	if err != nil {
		_ = d.conn.Close()
		d.conn = nil
		return 0, err
	}
	return n, nil
}

// fieldHandler is a slog.Handler that writes entries of the journal: the line as MESSAGE, and each
// attribute as a field of its own, BAILIWICK_ZONE for zone.
type fieldHandler struct {
	level  slog.Leveler
	out    io.Writer
	attrs  []slog.Attr // of With, each with the names of its groups
	prefix string      // of groups
}

// Enabled implements slog.Handler.
func (h *fieldHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs implements slog.Handler.
func (h *fieldHandler) WithAttrs(as []slog.Attr) slog.Handler {
	n := *h
	n.attrs = n.attrs[:len(n.attrs):len(n.attrs)]
	for _, a := range as {
		a.Key = h.prefix + a.Key
		n.attrs = append(n.attrs, a)
	}
	return &n
}

// WithGroup implements slog.Handler.
func (h *fieldHandler) WithGroup(name string) slog.Handler {
	n := *h
	n.prefix += name + "_"
	return &n
}

// Handle implements slog.Handler.
func (h *fieldHandler) Handle(_ context.Context, r slog.Record) error {
	message, fields := bytes.NewBufferString(r.Message), &bytes.Buffer{}
	for _, a := range h.attrs {
		add(message, fields, a)
	}
	r.Attrs(func(a slog.Attr) bool {
		a.Key = h.prefix + a.Key
		add(message, fields, a)
		return true
	})
	var b bytes.Buffer
	field(&b, "MESSAGE", message.String())
	field(&b, "PRIORITY", priority(r.Level))
	field(&b, "SYSLOG_IDENTIFIER", "bailiwick")
	b.Write(fields.Bytes())
	_, err := h.out.Write(b.Bytes())
	return err
}

// priority is a level as syslog has it (RFC 5424, section 6.2.1).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "3"
	case l >= slog.LevelWarn:
		return "4"
	case l >= slog.LevelInfo:
		return "6"
	}
	return "7"
}

// add adds an attribute to the message and to the fields; one that is empty to neither.
func add(message, fields *bytes.Buffer, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, in := range v.Group() {
			in.Key = a.Key + "_" + in.Key
			add(message, fields, in)
		}
		return
	}
	text := v.String()
	if text == "" || fields.Len() > maxEntry {
		return
	}
	if len(text) > maxFieldValue {
		text = text[:maxFieldValue]
	}
	shown := text
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' }) {
		shown = strconv.Quote(text)
	}
	message.WriteString(" " + a.Key + "=" + shown)
	field(fields, "BAILIWICK_"+fieldName(a.Key), text)
}

// fieldName is the name of an attribute as the journal takes it: capital letters, digits and
// underscores.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	return name[:min(len(name), maxFieldName-len("BAILIWICK_"))]
}

// field appends a field. A value with a line feed has its length before it: it could be taken for
// the next field else.
func field(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	if !strings.Contains(value, "\n") {
		b.WriteString("=" + value + "\n")
		return
	}
	b.WriteByte('\n')
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	b.WriteString(value + "\n")
}
