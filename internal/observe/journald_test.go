package observe

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// entry decodes a datagram of the journal's native protocol.
func entry(t *testing.T, b []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for text := string(b); text != ""; {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			t.Fatalf("no end of a field: %q", text)
		}
		name, value, plain := strings.Cut(line, "=")
		if !plain {
			n := binary.LittleEndian.Uint64([]byte(rest[:8]))
			value, rest = rest[8:8+n], rest[8+n:]
			if rest[0] != '\n' {
				t.Fatalf("no end of a value: %q", rest)
			}
			rest = rest[1:]
		}
		if _, twice := fields[name]; twice {
			t.Fatalf("%s twice in %q", name, b)
		}
		fields[name], text = value, rest
	}
	return fields
}

// daemonAt is a journal that listens, and its path.
func daemonAt(t *testing.T) (net.PacketConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

func next(t *testing.T, l net.PacketConn) map[string]string {
	t.Helper()
	b := make([]byte, 1<<18)
	n, _, err := l.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return entry(t, b[:n])
}

// A line is an entry with its severity, its text and a field for each attribute. A value with a
// line feed cannot be taken for another field, nor end the entry.
func TestJournalFields(t *testing.T) {
	l, path := daemonAt(t)
	j := besideSocket(new(strings.Builder), "", path)
	defer j.Close()
	log := NewLog(Config{Level: slog.LevelDebug, Format: Fields}, j)
	log.With("view", "kids").WithGroup("at").Warn("servfail", "zone", "expired.faulty.", "cause",
		"signature_expired", "detail", "one\nMESSAGE=two", "empty", "", slog.Group("key", "tag", 7))
	got := next(t, l)
	for name, want := range map[string]string{"PRIORITY": "4", "SYSLOG_IDENTIFIER": "bailiwick",
		"BAILIWICK_VIEW": "kids", "BAILIWICK_AT_ZONE": "expired.faulty.",
		"BAILIWICK_AT_CAUSE": "signature_expired", "BAILIWICK_AT_DETAIL": "one\nMESSAGE=two",
		"BAILIWICK_AT_KEY_TAG": "7", "MESSAGE": "servfail view=kids at_zone=expired.faulty. " +
			`at_cause=signature_expired at_detail="one\nMESSAGE=two" at_key_tag=7`} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 8 {
		t.Errorf("%q", got)
	}
	for level, want := range map[slog.Level]string{slog.LevelDebug: "7", slog.LevelInfo: "6",
		slog.LevelError: "3"} {
		log.Log(t.Context(), level, "x")
		if p := next(t, l)["PRIORITY"]; p != want {
			t.Errorf("%s has priority %s", level, p)
		}
	}
	ChangeLog(log, Config{Level: slog.LevelError, Format: Fields})
	log.Warn("left out")
	Always(log).Info("kept")
	if m := next(t, l)["MESSAGE"]; m != "kept" {
		t.Errorf("%q", m)
	}
}

// An entry is no larger than a datagram can be, whatever a server has told.
func TestMaxEntryOfTheJournal(t *testing.T) {
	l, path := daemonAt(t)
	j := besideSocket(new(strings.Builder), "", path)
	defer j.Close()
	var args []any
	for i := range 40 {
		args = append(args, fmt.Sprintf("%d%s", i, strings.Repeat("k", 100)),
			strings.Repeat("v", 1<<20))
	}
	NewLog(Config{Format: Fields}, j).Info("large", args...)
	got := next(t, l)
	if !strings.HasPrefix(got["MESSAGE"], "large ") || len(got) < 5 {
		t.Errorf("%d fields", len(got))
	}
	for name, v := range got {
		if len(name) > maxFieldName || name != "MESSAGE" && len(v) > maxFieldValue {
			t.Errorf("%s has %d octets", name, len(v))
		}
	}
}

// A daemon that is started again gets the lines that come later; those in between are counted.
func TestJournalThatIsStartedAgain(t *testing.T) {
	l, path := daemonAt(t)
	j := besideSocket(new(strings.Builder), "", path)
	defer j.Close()
	log := NewLog(Config{Format: Fields}, j)
	log.Info("one")
	next(t, l)
	_ = l.Close()
	log.Info("lost")
	for j.Dropped() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log.Info("two")
	if m := next(t, l)["MESSAGE"]; m != "two" {
		t.Errorf("%q", m)
	}
}

// auto has fields if standard error is the stream that the variable names, and text if it is
// anything else, such as a file into which a service of systemd was redirected.
func TestFormatAuto(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := st.Sys().(*syscall.Stat_t)
	stream := fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	for _, c := range []struct {
		stream string
		format Format
		fields bool
	}{
		{stream, Auto, true}, {"", Auto, false},
		{fmt.Sprintf("%d:%d", s.Dev, s.Ino+1), Auto, false},
		{stream, Text, false}, {"", Fields, true},
	} {
		l, path := daemonAt(t)
		j := besideSocket(f, c.stream, path)
		NewLog(Config{Format: c.format}, j).Info("hello")
		j.Close()
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got := !strings.Contains(string(text), "msg=hello"); got != c.fields {
			t.Errorf("%+v: %q", c, text)
		}
		if c.fields && next(t, l)["MESSAGE"] != "hello" {
			t.Errorf("%+v", c)
		}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
}
