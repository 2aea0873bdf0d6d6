package querylog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/logfile"
	"bailiwick/wire"
)

// tally counts lines by outcome.
type tally struct {
	mu                     sync.Mutex
	written, dropped, lost int
}

func (c *tally) QueryLog(written, dropped, lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written, c.dropped, c.lost = c.written+written, c.dropped+dropped, c.lost+lost
}

// end is the end of a query for a name.
func end(t *testing.T, name string) event.Event {
	t.Helper()
	n, err := wire.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	return event.Event{Kind: event.ClientResponse, Time: time.Unix(1000, 5e6).UTC(),
		Question: wire.Question{Name: n, Type: wire.TypeAAAA, Class: wire.ClassIN},
		Client:   netip.MustParseAddrPort("192.0.2.77:1000"), Origin: event.OriginPrepared,
		Flags: wire.FlagAD, Took: 1500 * time.Microsecond}
}

// begin starts a log, and returns it with its counts and what it tells the operator.
func begin(t *testing.T, cfg Config) (*Log, *tally, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c := &tally{}
	l, err := New(cfg, Parts{Log: slog.New(slog.NewTextHandler(&log, nil)), Observer: c})
	if err != nil {
		t.Fatal(err)
	}
	return l, c, &log
}

// A line has the network that the answer is for, but no more of it than of its client.
func TestQueryLogNetworks(t *testing.T) {
	for clients, c := range map[Privacy]struct{ network, want string }{
		Full:   {"192.0.2.64/28", "client=192.0.2.77 network=192.0.2.64/28 transport"},
		Prefix: {"192.0.2.64/28", "client=192.0.2.0/24 network=192.0.2.0/24 transport"},
		Omit:   {"192.0.2.64/28", "Z transport"},
	} {
		e := end(t, "www.example.")
		e.Sent = &event.Tailoring{Network: netip.MustParsePrefix(c.network)}
		cfg := Config{Clients: clients}
		if got := string(cfg.appendLine(nil, &e)); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", clients, got)
		}
		cfg.JSON = true
		if got := string(cfg.appendLine(nil, &e)); strings.Contains(got, `"network":"192`) !=
			(clients != Omit) {
			t.Errorf("%v: %s", clients, got)
		}
	}
}

// A line has who asked what, what came of it, and from where; refused and dropped queries have one
// too.
func TestQueryLogLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries")
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "1970-01-01T00:16:40.005Z client=192.0.2.77 transport=udp " +
			"name=www.example. type=AAAA outcome=NOERROR cause=none ad=true " +
			"from=\"prepared\" took=1.5ms\n" +
			"1970-01-01T00:16:40.005Z client=192.0.2.77 transport=udp name=www.example. " +
			"type=AAAA outcome=REFUSED cause=client_refused ad=false from=\"server\" " +
			"took=1.5ms\n"},
		{Config{JSON: true, Clients: Prefix}, `{"time":"1970-01-01T00:16:40.005Z",` +
			`"client":"192.0.2.0/24","transport":"udp","name":"www.example.","type":"AAAA",` +
			`"outcome":"NOERROR","cause":"none","ad":true,"from":"prepared","took_ms":1.5}` + "\n" +
			`{"time":"1970-01-01T00:16:40.005Z","client":"192.0.2.0/24","transport":"udp",` +
			`"name":"www.example.","type":"AAAA","outcome":"REFUSED","cause":"client_refused",` +
			`"ad":false,"from":"server","took_ms":1.5}` + "\n"},
	} {
		cfg := c.cfg
		cfg.To, cfg.Path, cfg.MaxSize = File, path, 1<<20
		_ = os.Remove(path)
		l, n, _ := begin(t, cfg)
		e := end(t, "www.example")
		l.Event(e)
		e.Origin, e.RCode, e.Cause, e.Flags = event.OriginServer, wire.RCodeRefused,
			cause.ClientRefused, 0
		l.Event(e)
		l.Close()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != c.want || n.written != 2 {
			t.Errorf("%v, %d written:\n%swant\n%s", err, n.written, got, c.want)
		}
	}
}

// What of a client's address is logged is the operator's choice, in every form: what is left out is
// nowhere in the line. Users asked for that, and found addresses in other fields
// (github.com/AdguardTeam/AdGuardHome/issues/916, 1741 and 2455).
func TestQueryLogClientPrivacy(t *testing.T) {
	for _, c := range []struct {
		client, prefix string
	}{
		{"192.0.2.77", "192.0.2.0/24"}, {"2001:db8:1:2233:4455::1", "2001:db8:1:2200::/56"},
		{"::ffff:192.0.2.77", "192.0.2.0/24"}, {"fe80::1%eth0", "fe80::/56"},
	} {
		for _, to := range []Destination{File, Syslog, Journal} {
			for _, privacy := range []Privacy{Full, Prefix, Omit} {
				for _, asJSON := range []bool{false, true} {
					cfg := Config{To: to, Clients: privacy, JSON: asJSON}
					e := end(t, "www.example")
					e.Client = netip.AddrPortFrom(netip.MustParseAddr(c.client), 1000)
					var out output = &file{}
					if to != File {
						out = newSocket(cfg)
					}
					line := string(out.append(nil, &e, &cfg))
					whole := netip.MustParseAddr(c.client).Unmap().WithZone("").String()
					if has := strings.Contains(line, whole); has != (privacy == Full) {
						t.Errorf("%v, %v: %s", to, privacy, line)
					}
					if has := strings.Contains(line, c.prefix); has != (privacy == Prefix) {
						t.Errorf("%v, %v: %s", to, privacy, line)
					}
				}
			}
		}
	}
}

// A name cannot end its line or its field, nor send anything to a terminal (CVE-2020-8445).
func TestQueryLogNamesStayInTheirField(t *testing.T) {
	n, err := wire.ParseName(`a\010b\013\000\027[2J\032x=\"y\".\255.example`)
	if err != nil {
		t.Fatal(err)
	}
	printable := regexp.MustCompile(`^[ -~]*$`)
	for _, cfg := range []Config{{To: File}, {To: File, JSON: true}, {To: Syslog},
		{To: Syslog, JSON: true}, {To: Journal}} {
		e := end(t, "x")
		e.Question.Name = n
		var out output = &file{}
		if cfg.To != File {
			out = newSocket(cfg)
		}
		line := strings.TrimSuffix(string(out.append(nil, &e, &cfg)), "\n")
		for _, one := range strings.Split(line, "\n") {
			if !printable.MatchString(one) {
				t.Errorf("%+v: %q", cfg, one)
			}
		}
		if cfg.To == Journal {
			if got := strings.Count(line, "\n"); got != 7 {
				t.Errorf("%d fields in %q", got+1, line)
			}
			continue
		}
		if strings.Contains(line, "\n") || cfg.JSON && !json.Valid([]byte(line[strings.IndexByte(
			line, '{'):])) {
			t.Errorf("%+v: %q", cfg, line)
		}
		if fields := strings.Fields(line); !cfg.JSON && cfg.To == File && len(fields) != 10 {
			t.Errorf("%d fields: %q", len(fields), line)
		}
	}
}

// One query in n is logged, all of them with 1.
func TestQueryLogSample(t *testing.T) {
	l := &Log{cfg: Config{Sample: 1}, chance: func(uint32) uint32 { return 1 }}
	if !l.Wants() {
		t.Error("a sample of one leaves something out")
	}
	next := uint32(0)
	l = &Log{cfg: Config{Sample: 4}, chance: func(n uint32) uint32 {
		next++
		return next % n
	}}
	wanted := 0
	for range 100 {
		if l.Wants() {
			wanted++
		}
	}
	if wanted != 25 {
		t.Errorf("%d of 100", wanted)
	}
}

// The file is renamed when it is full, and no more files than allowed are kept: a flood of queries
// fills no disk (github.com/AdguardTeam/AdGuardHome/issues/6310,
// github.com/TechnitiumSoftware/DnsServer/issues/763).
func TestQueryLogRotation(t *testing.T) {
	for _, keep := range []int{0, 1, 3} {
		dir := t.TempDir()
		path := filepath.Join(dir, "queries")
		f, err := openFile(path, 1000, keep)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			line := fmt.Sprintf("%03d %s\n", i, strings.Repeat("x", 95))
			if n, err := f.write([][]byte{[]byte(line)}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		f.close()
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != keep+1 {
			t.Errorf("%d files with %d kept, %v", len(files), keep, err)
		}
		for i, file := range files {
			text, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil || len(text) != 1000 || text[len(text)-1] != '\n' {
				t.Errorf("%s has %d octets, %v", file.Name(), len(text), err)
			}
			if first := fmt.Sprintf("%03d", 90-10*i); string(text[:3]) != first {
				t.Errorf("%s begins with %s, want %s", file.Name(), text[:3], first)
			}
			if st, err := file.Info(); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", st.Mode(), err)
			}
		}
	}
}

// A file that something has moved away or removed is opened again: at once when it is asked for,
// and soon without that. Others went on writing into the file that was gone
// (github.com/sysown/proxysql/issues/1049, github.com/TechnitiumSoftware/DnsServer/issues/259,
// github.com/PowerDNS/pdns/issues/10502).
func TestQueryLogReopensAMovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries")
	f, err := openFile(path, 1<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { f.close() }()
	write := func(text string) {
		t.Helper()
		if n, err := f.write([][]byte{[]byte(text)}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	expect := func(path, want string) {
		t.Helper()
		if got, err := os.ReadFile(path); string(got) != want || err != nil {
			t.Errorf("%s has %q, %v; want %q", filepath.Base(path), got, err, want)
		}
	}
	write("one\n")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	write("two\n")
	expect(path+".moved", "one\n")
	expect(path, "two\n")
	f.close()
	if f, err = openFile(path, 1<<20, 1); err != nil { // which has not looked at it yet
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("three\n")
	expect(path, "three\n")
}

// flaky is an output that fails or hangs.
type flaky struct {
	err  error
	hold chan struct{}
	took int
}

func (f *flaky) append(b []byte, _ *event.Event, _ *Config) []byte { return append(b, "line\n"...) }
func (f *flaky) reopen() error                                     { return f.err }
func (f *flaky) close()                                            {}

func (f *flaky) write(lines [][]byte) (int, error) {
	if f.hold != nil {
		<-f.hold
	}
	if f.err != nil {
		return 0, f.err
	}
	f.took += len(lines)
	return len(lines), nil
}

// newOver is a log over an output.
func newOver(out output) (*Log, *tally, *bytes.Buffer) {
	var log bytes.Buffer
	c := &tally{}
	return newLog(Config{To: File}, Parts{Observer: c, Log: slog.New(slog.NewTextHandler(&log,
		nil))}, out), c, &log
}

// A writer that stands still holds up no query: what does not fit the buffer is dropped, and
// counted; queries had stood still with the disk
// (github.com/TechnitiumSoftware/DnsServer/issues/494).
func TestQueryLogThatHangsDropsLines(t *testing.T) {
	out := &flaky{hold: make(chan struct{})}
	l, c, _ := newOver(out)
	const more = 100
	for range maxWaiting + more { // nobody reads
		l.Event(event.Event{})
	}
	if c.dropped != more || l.Status().Dropped != more {
		t.Errorf("%d dropped, want %d", c.dropped, more)
	}
	close(out.hold)
	go l.run()
	l.Close()
	if out.took != maxWaiting || c.written != maxWaiting {
		t.Errorf("%d written, want %d", out.took, maxWaiting)
	}
}

// A disk that is full loses lines, which are counted; the operator hears of it once, and once when
// it is over.
func TestQueryLogOnAFullDiskIsCounted(t *testing.T) {
	out := &flaky{err: errors.New("no space left on device")}
	l, c, log := newOver(out)
	for range 5 {
		l.batch(entry{})
	}
	if c.lost != 5 || c.written != 0 || l.Status().Problem != "no space left on device" ||
		strings.Count(log.String(), "not written") != 1 {
		t.Errorf("%+v, %+v:\n%s", c, l.Status(), log)
	}
	out.err = nil
	l.batch(entry{})
	if c.lost != 5 || c.written != 1 || l.Status().Problem != "" ||
		strings.Count(log.String(), "written again") != 1 {
		t.Errorf("%+v, %+v:\n%s", c, l.Status(), log)
	}
}

// A real file on a device that is full loses lines and nothing else, and what a full disk has cut
// off does not run into the next line.
func TestQueryLogAfterATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries")
	f, err := openFile(path, 1<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := f.Write([]byte("half a li")); err != nil {
		t.Fatal(err)
	}
	f.torn = true
	if n, err := f.write([][]byte{[]byte("one\n"), []byte("two\n")}); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got, err := os.ReadFile(path); string(got) != "half a li\none\ntwo\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// What is not a file is refused: a pipe without a reader would have the writer wait for ever.
func TestQueryLogWritesToFilesAlone(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(Config{To: File, Path: dir, MaxSize: 1000}, Parts{}); err == nil {
		t.Error("a folder is a file")
	}
	if _, err := New(Config{To: File, Path: "/dev/null", MaxSize: 1000}, Parts{}); err == nil {
		t.Error("a device is a file")
	}
	if l, err := New(Config{}, Parts{}); l != nil || err != nil {
		t.Errorf("off: %v, %v", l, err)
	}
}

// Syslog gets a datagram of RFC 5424 for each line, over UDP or a socket, and the journal one of
// its own form.
func TestQueryLogDatagrams(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		network, at string
		to          Destination
		want        string
	}{
		{"udp", "127.0.0.1:0", Syslog, `^<30>1 1970-01-01T00:16:40.005Z \S+ bailiwick \d+ ` +
			`query - client=192.0.2.77 transport=udp name=www.example. type=AAAA .*took=1.5ms$`},
		{"unixgram", filepath.Join(dir, "log"), Syslog, `^<30>1 .* query - client=`},
		{"unixgram", filepath.Join(dir, "journal"), Journal, `(?s)^PRIORITY=6\n` +
			`SYSLOG_IDENTIFIER=bailiwick\nMESSAGE=client=.*\nDNS_NAME=www.example.\n` +
			`DNS_TYPE=AAAA\nDNS_OUTCOME=NOERROR\nDNS_CAUSE=none\nDNS_CLIENT=192.0.2.77\n$`},
	} {
		daemon, err := net.ListenPacket(c.network, c.at)
		if err != nil {
			t.Fatal(err)
		}
		address := "unix:" + c.at
		if c.network == "udp" {
			address = "udp:" + daemon.LocalAddr().String()
		}
		l, n, _ := begin(t, Config{To: c.to, Address: address})
		l.Event(end(t, "www.example"))
		got := make([]byte, 4096)
		size, _, err := daemon.ReadFrom(got)
		if err != nil || !regexp.MustCompile(c.want).Match(got[:size]) {
			t.Errorf("%v: %q, want %s", err, got[:size], c.want)
		}
		l.Close()
		if n.written != 1 {
			t.Errorf("%d written", n.written)
		}
		daemon.Close()
	}
}

// A daemon that is not there, or has been started anew, costs lines and no query; the log finds it
// again.
func TestQueryLogFindsTheDaemonAgain(t *testing.T) {
	at := filepath.Join(t.TempDir(), "log")
	s := newSocket(Config{To: Syslog, Address: "unix:" + at})
	defer s.close()
	line := [][]byte{[]byte("one")}
	if n, err := s.write(line); n != 0 || err == nil {
		t.Errorf("without a daemon: %d, %v", n, err)
	}
	if n, err := s.write(line); n != 0 || err != logfile.ErrWaiting {
		t.Errorf("a moment later: %d, %v", n, err)
	}
	for range 2 {
		_ = os.Remove(at)
		daemon, err := net.ListenPacket("unixgram", at)
		if err != nil {
			t.Fatal(err)
		}
		s.tried = time.Time{} // the time has passed
		if s.conn != nil {    // the one before is gone
			_, _ = s.write(line)
			s.tried = time.Time{}
		}
		if n, err := s.write(line); n != 1 || err != nil {
			t.Errorf("with one: %d, %v", n, err)
		}
		daemon.Close()
	}
}

// An address is a socket's path or a host with a port.
func TestQueryLogAddresses(t *testing.T) {
	for text, want := range map[string]string{"unix:/dev/log": "unixgram /dev/log",
		"udp:192.0.2.1:514": "udp 192.0.2.1:514", "udp:[2001:db8::1]:514": "udp [2001:db8::1]:514",
		"udp:192.0.2.1": "", "/dev/log": "", "unix:log": "", "tcp:192.0.2.1:514": "",
		"udp::514": "", "": ""} {
		network, address, err := ParseAddress(text)
		if got := strings.TrimSpace(network + " " + address); got != want ||
			(err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
