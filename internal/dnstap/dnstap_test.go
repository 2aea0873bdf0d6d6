package dnstap

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	framestream "github.com/farsightsec/golang-framestream"
	"google.golang.org/protobuf/encoding/protowire"

	"bailiwick/internal/cause"
	"bailiwick/internal/counter"
	"bailiwick/internal/dnstap/dnstaptest"
	"bailiwick/internal/logtest"
	"bailiwick/internal/querylog"
	"bailiwick/transport"
	"bailiwick/wire"
)

// tapped is a tap at work, what it counts and what it logs.
type tapped struct {
	*Tap
	counts *counter.Outcomes
	log    *logtest.Log
}

func open(t *testing.T, cfg Config) *tapped {
	t.Helper()
	n := &tapped{counts: &counter.Outcomes{}, log: &logtest.Log{}}
	s, err := NewSender(cfg, Parts{Log: slog.New(slog.NewTextHandler(n.log, nil)),
		Counts: n.counts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	n.Tap = NewTap(cfg, s)
	return n
}

// send sends n messages that can be told apart by their packet.
func (n *tapped) send(from, to int) {
	for i := from; i < to; i++ {
		n.Put(&Message{Kind: ClientQuery, Asked: time.Now(), Packet: packet(i)})
	}
}

func packet(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// until waits for something to become true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// has reports whether a reader has message number i.
func has(r *dnstaptest.Reader, i int) func() bool {
	return func() bool {
		list, _ := r.Messages()
		for _, m := range list {
			if string(m.Query) == string(packet(i)) {
				return true
			}
		}
		return false
	}
}

func config(to Destination) Config {
	c := Default().Named("1.0")
	c.To = to
	return c
}

// A message has the fields that the schema recommends for its kind, with the addresses from the
// view of who asks (coredns/coredns#4395), both times in a response (coredns/coredns#4165,
// dnstap/golang-dnstap#36), the server's name and version (coredns/coredns#1060), and the whole
// message with its ID (NLnetLabs/unbound#368).
func TestMessageFields(t *testing.T) {
	cfg := config(File)
	cfg.Identity, cfg.Version = "here", "bailiwick 1.0"
	tap := NewTap(cfg, nil)
	asked := time.Unix(1700000000, 123456789)
	for _, kind := range Kinds() {
		m := &Message{Kind: kind, Protocol: transport.UDP, Asked: asked,
			Answered: asked.Add(time.Second), Packet: []byte("\x12\x34message"),
			Asker:    netip.MustParseAddrPort("192.0.2.7:5353"),
			Answerer: netip.MustParseAddrPort("192.0.2.53:53"),
			Zone:     wire.MustParseName("example."), Cause: cause.SignatureExpired}
		got := decode(t, tap, m)
		if got.Identity != "here" || got.Version != "bailiwick 1.0" ||
			got.Extra != "cause=signature_expired" || got.Type != uint64(kind) ||
			got.Family != 1 || got.Protocol != 1 || !got.Asked.Equal(asked) ||
			got.Asker != m.Asker.Addr() || got.AskerPort != 5353 ||
			got.Answerer != m.Answerer.Addr() || got.AnswererPort != 53 ||
			got.Zone != "\x07example\x00" || got.Policy != nil || got.Fields[16] {
			t.Errorf("%s: %+v", kind, got)
		}
		query, response := string(got.Query), string(got.Response)
		if !kind.response() {
			query, response = response, query
			if got.Fields[12] || got.Fields[13] {
				t.Errorf("%s has the time of a response", kind)
			}
		} else if !got.Answered.Equal(m.Answered) {
			t.Errorf("%s: answered %v", kind, got.Answered)
		}
		if query != "" || response != "\x12\x34message" {
			t.Errorf("%s: %q, %q", kind, query, response)
		}
	}
}

// decode encodes a message and reads it.
func decode(t *testing.T, tap *Tap, m *Message) dnstaptest.Message {
	t.Helper()
	frame := tap.appendFrame(nil, m)
	if n := binary.BigEndian.Uint32(frame); int(n) != len(frame)-4 {
		t.Fatalf("the frame has %d octets and says %d", len(frame)-4, n)
	}
	got, err := dnstaptest.Decode(frame[4:])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Each transport has its own number; HTTP/3 is told from other versions (PowerDNS/pdns#10497,
// PowerDNS/pdns#13672, NLnetLabs/unbound#985, dnstap/dnstap.pb#8).
func TestTransportsOfMessages(t *testing.T) {
	for p, want := range map[transport.Protocol][2]uint64{transport.UDP: {1, 0},
		transport.TCP: {2, 0}, transport.DoT: {3, 0}, transport.DoH: {4, 0},
		transport.DoH3: {4, 3}, transport.DoQ: {7, 0}, transport.DoHPlain: {4, 0}} {
		m := decode(t, NewTap(config(File), nil), &Message{Kind: ClientQuery, Protocol: p})
		if m.Protocol != want[0] || m.HTTP != want[1] {
			t.Errorf("%s: %d, HTTP %d, want %d", p, m.Protocol, m.HTTP, want)
		}
	}
}

// An address has 4 or 16 octets as its family says: an IPv4 address in IPv6 form is an IPv4 address
// (dmachard/DNS-collector#223), what is not known is left out and not 0.0.0.0
// (NLnetLabs/unbound#1463, dmachard/DNS-collector#39), and two families do not come together
// (coredns/coredns#8184).
func TestAddressesOfMessages(t *testing.T) {
	for _, c := range []struct {
		asker, answerer string
		family          uint64
		fields          string
	}{
		{"[::ffff:192.0.2.7]:1", "192.0.2.53:53", 1, "4:4 5:4"},
		{"[2001:db8::1]:1", "[2001:db8::53]:53", 2, "4:16 5:16"},
		{"[2001:db8::1]:1", "192.0.2.53:53", 2, "4:16"},
		{"", "192.0.2.53:53", 1, "5:4"},
		{"", "", 0, ""},
		{"[fe80::1%eth0]:1", "", 2, "4:16"},
	} {
		m := &Message{Kind: ResolverQuery}
		m.Asker, _ = netip.ParseAddrPort(c.asker)
		m.Answerer, _ = netip.ParseAddrPort(c.answerer)
		got := decode(t, NewTap(config(File), nil), m)
		var fields []string
		if got.Fields[4] {
			fields = append(fields, fmt.Sprintf("4:%d", len(got.Asker.AsSlice())))
		}
		if got.Fields[5] {
			fields = append(fields, fmt.Sprintf("5:%d", len(got.Answerer.AsSlice())))
		}
		if text := strings.Join(fields, " "); text != c.fields || got.Family != c.family {
			t.Errorf("%s to %s: %q, family %d", c.asker, c.answerer, text, got.Family)
		}
		if c.asker == "" && got.Fields[6] || c.answerer == "" && got.Fields[7] {
			t.Errorf("%s to %s: a port that is not known", c.asker, c.answerer)
		}
	}
}

// Policy is told with its kind, rule, action, and what it matched (NLnetLabs/unbound#650,
// dmachard/DNS-collector#530).
func TestPolicyOfMessages(t *testing.T) {
	name := wire.MustParseName("www.bad.example.")
	rule := wire.MustParseName("*.bad.example.rpz.")
	tap := NewTap(config(File), nil)
	m := &Message{Kind: ClientResponse, Asker: netip.MustParseAddrPort("192.0.2.7:1"),
		Policy: &Policy{Type: "RPZ", Rule: rule.Wire(), Action: NXDomain, Match: QName,
			Value: name}}
	want := map[protowire.Number]string{1: "RPZ", 2: rule.Wire(), 3: "1", 4: "1", 5: name.Wire()}
	if got := decode(t, tap, m).Policy; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.Policy = &Policy{Type: "RPZ", Action: Drop, Match: ClientIP}
	want = map[protowire.Number]string{1: "RPZ", 3: "4", 4: "2", 5: "\xc0\x00\x02\x07"}
	if got := decode(t, tap, m).Policy; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.Asker = masked(m.Asker, querylog.Omit)
	if got := decode(t, tap, m).Policy; got[5] != "" {
		t.Errorf("policy tells the address that is left out: %q", got)
	}
}

// Of a client's address there is what the operator wants. That of a server is there whole.
func TestClientPrivacy(t *testing.T) {
	for _, c := range []struct {
		privacy querylog.Privacy
		want    string
	}{{querylog.Full, "192.0.2.7 5353"}, {querylog.Prefix, "192.0.2.0 0"},
		{querylog.Omit, "invalid IP 0"}} {
		cfg := config(Unix)
		cfg.Socket, cfg.Clients = filepath.Join(t.TempDir(), "s"), c.privacy
		r := dnstaptest.Listen(t, "unix", cfg.Socket)
		n := open(t, cfg)
		for _, k := range []Kind{ClientQuery, ClientResponse, ResolverQuery} {
			n.Put(&Message{Kind: k, Asker: netip.MustParseAddrPort("[::ffff:192.0.2.7]:5353")})
		}
		n.Close()
		list, _ := r.Messages()
		if len(list) != 3 {
			t.Fatalf("%d messages", len(list))
		}
		for i, want := range []string{c.want, c.want, "192.0.2.7 5353"} {
			if got := fmt.Sprint(list[i].Asker, " ", list[i].AskerPort); got != want {
				t.Errorf("%v: %s, want %s", c.privacy, got, want)
			}
		}
	}
}

// Only the kinds that are wanted are sent, and nothing of the others
// (CZ-NIC/knot-resolver#150). What none is wanted of is not counted.
func TestOnlyTheKindsThatAreWanted(t *testing.T) {
	cfg := config(File)
	cfg.Path = filepath.Join(t.TempDir(), "tap")
	cfg.Messages = []Kind{ClientResponse}
	n := open(t, cfg)
	for _, k := range Kinds() {
		n.Put(&Message{Kind: k, Packet: []byte{1}})
	}
	if !n.OfClients() || n.OfServers() {
		t.Error("what is asked for is not what is wanted")
	}
	n.Close()
	if list := dnstaptest.ReadFile(t, cfg.Path); len(list) != 1 ||
		list[0].Type != uint64(ClientResponse) {
		t.Errorf("%+v", list)
	}
	var none *Tap
	if none.OfClients() || none.OfServers() {
		t.Error("a tap that is off wants messages")
	}
}

// A sample has the first query of each so many, by a count.
func TestSampleIsByCount(t *testing.T) {
	cfg := config(File)
	cfg.Sample = 4
	tap := NewTap(cfg, nil)
	for i := range 20 {
		if got := tap.OfClients(); got != (i%4 == 0) {
			t.Errorf("query %d: %v", i, got)
		}
	}
	if !tap.OfServers() || tap.OfServers() {
		t.Error("queries to servers are not counted by themselves")
	}
}

// Messages reach a reader over a Unix socket and over TCP in their order (coredns/coredns#4395),
// and the stream ends as Frame Streams have it.
func TestMessagesReachAReader(t *testing.T) {
	for _, to := range []Destination{Unix, TCP} {
		cfg := config(to)
		at := "127.0.0.1:0"
		if to == Unix {
			cfg.Socket = filepath.Join(t.TempDir(), "s")
			at = cfg.Socket
		}
		r := dnstaptest.Listen(t, to.String(), at)
		cfg.Address = r.Address()
		n := open(t, cfg)
		n.send(0, 1000)
		n.Close()
		until(t, "the end of the stream", func() bool { _, ends := r.Messages(); return ends == 1 })
		list, _ := r.Messages()
		if len(list) != 1000 || n.counts.Written.Load() != 1000 {
			t.Fatalf("%s: %d messages, %d written", to, len(list), n.counts.Written.Load())
		}
		for i, m := range list {
			if string(m.Query) != string(packet(i)) {
				t.Fatalf("message %d is %x", i, m.Query)
			}
		}
		n.send(1000, 1001)
		if n.counts.Dropped.Load() != 1 {
			t.Error("a message after the end is not counted")
		}
	}
}

// A reader that is not there yet delays nothing, the start least of all, and gets what waits for it
// when it comes (CZ-NIC/knot-resolver#111, coredns/coredns#1041, NLnetLabs/unbound#952,
// coredns/coredns#1267). The log has one line.
func TestReaderThatComesLate(t *testing.T) {
	cfg := config(Unix)
	cfg.Socket = filepath.Join(t.TempDir(), "s")
	n := open(t, cfg)
	n.send(0, 10)
	until(t, "a line in the log", func() bool {
		return strings.Count(n.log.String(), "messages are lost") == 1
	})
	if n.Problem() == "" {
		t.Error("no problem is told")
	}
	r := dnstaptest.Listen(t, "unix", cfg.Socket)
	for i := range 10 {
		until(t, "messages that waited", has(r, i))
	}
	if strings.Count(n.log.String(), "messages are lost") != 1 || n.counts.Lost.Load() != 0 {
		t.Errorf("%d lost: %s", n.counts.Lost.Load(), n.log.String())
	}
}

// A reader that restarts gets all that comes later, time and again, and not only the rest of what
// had waited (NLnetLabs/unbound#304, NLnetLabs/unbound#262, dnstap/golang-dnstap#47).
func TestReaderThatRestarts(t *testing.T) {
	cfg := config(Unix)
	cfg.Socket = filepath.Join(t.TempDir(), "s")
	n := open(t, cfg)
	next := 0
	for range 3 {
		r := dnstaptest.Listen(t, "unix", cfg.Socket)
		until(t, "the first message of a new reader", func() bool {
			n.send(next, next+1)
			next++
			list, _ := r.Messages()
			return len(list) > 0
		})
		n.send(next, next+500)
		next += 500
		until(t, "the rest", has(r, next-1))
		r.Close()
	}
}

// A reader that stops reading costs messages, which are counted, and bounded memory, and no query
// waits (PowerDNS/pdns#8629, 0xERR0R/blocky#2144, coredns/coredns#7619).
func TestReaderThatStopsReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		both := framestream.ReaderOptions{ContentTypes: [][]byte{contentType}, Bidirectional: true}
		_, _ = framestream.NewReader(c, &both)
		accepted <- c
	}()
	cfg := config(Unix)
	cfg.Socket = path
	n := open(t, cfg)
	n.send(0, 1)
	c := <-accepted
	defer c.Close()
	body := make([]byte, 60000)
	const many = 2000 // 120 MB
	for range many {
		n.Put(&Message{Kind: ClientResponse, Packet: body})
	}
	n.mu.Lock()
	held := len(n.queue)
	n.mu.Unlock()
	if held > maxQueued {
		t.Errorf("%d octets wait", held)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d octets of heap", m.HeapAlloc)
	}
	if d := n.counts.Dropped.Load(); d < many/2 {
		t.Errorf("%d dropped", d)
	}
}

// Who listens and is no reader of dnstap is refused, and tried again.
func TestReaderOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := make(chan bool, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var offer, next framestream.ControlFrame
			_ = offer.DecodeTypeEscape(c, framestream.CONTROL_READY)
			_, _ = c.Write(control(framestream.ControlAccept, []byte("text/plain")))
			began <- next.DecodeEscape(c) == nil
			_ = c.Close()
		}
	}()
	cfg := config(Unix)
	cfg.Socket = path
	n := open(t, cfg)
	n.send(0, 1)
	for range 2 {
		if <-began {
			t.Error("the stream begins all the same")
		}
	}
	if n.counts.Written.Load() != 0 {
		t.Error("something was written")
	}
}

// A file is one stream from its start to its end, can be read while it is written, and the one of
// an earlier process is kept: Frame Streams cannot be continued (dnstap/golang-dnstap#16, #11).
func TestFileIsOneStream(t *testing.T) {
	cfg := config(File)
	cfg.Path = filepath.Join(t.TempDir(), "tap")
	for round := range 3 {
		n := open(t, cfg)
		n.send(round, round+1)
		until(t, "a message in the file", func() bool { return n.counts.Written.Load() == 1 })
		n.send(round+10, round+11)
		n.Close()
	}
	for suffix, round := range map[string]int{"": 2, ".1": 1, ".2": 0} {
		list := dnstaptest.ReadFile(t, cfg.Path+suffix)
		if len(list) != 2 || string(list[0].Query) != string(packet(round)) ||
			string(list[1].Query) != string(packet(round+10)) {
			t.Errorf("%s: %v", suffix, list)
		}
	}
	n := open(t, cfg) // without a message nothing is renamed
	n.Close()
	if list := dnstaptest.ReadFile(t, cfg.Path); len(list) != 2 {
		t.Errorf("%v", list)
	}
	if st, err := os.Stat(cfg.Path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// A file is renamed when it is full and on demand, no more than allowed are kept, and each is whole
// (dmachard/python-dnstap-receiver#8, dns-stats/compactor#82).
func TestFileRotation(t *testing.T) {
	cfg := config(File)
	dir := t.TempDir()
	cfg.Path, cfg.MaxSize, cfg.Files = filepath.Join(dir, "tap"), 20000, 2
	f, err := openFile(cfg.Path, cfg.MaxSize, cfg.Files)
	if err != nil {
		t.Fatal(err)
	}
	tap := NewTap(cfg, nil)
	for i := range 100 {
		if err := f.ready(); err != nil {
			t.Fatal(err)
		}
		frame := tap.appendFrame(nil, &Message{Kind: ClientQuery,
			Packet: append(packet(i), make([]byte, 1000)...)})
		if err := f.write(frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.rotate(); err != nil {
		t.Fatal(err)
	}
	if err := f.rotate(); err != nil { // an empty one stays
		t.Fatal(err)
	}
	f.close()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	last := 100
	for _, suffix := range []string{".1", ".2"} {
		list := dnstaptest.ReadFile(t, cfg.Path+suffix)
		for i, m := range list {
			if string(m.Query[:4]) != string(packet(last-len(list)+i)) {
				t.Fatalf("%s: message %d is %x", suffix, i, m.Query[:4])
			}
		}
		last -= len(list)
		if st, err := os.Stat(cfg.Path + suffix); err != nil || st.Size() > cfg.MaxSize {
			t.Errorf("%s: %d octets, %v", suffix, st.Size(), err)
		}
	}
}

// A file that something has moved away is ended and another one begun. One that another process has
// put in its place is left to that, and the stream goes on where it is: two processes write at once
// while one takes over from the other (dnstap/golang-dnstap#6).
func TestFileThatIsMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	f, err := openFile(path, 1<<20, 4)
	if err != nil {
		t.Fatal(err)
	}
	tap := NewTap(config(File), nil)
	write := func(f *file, i int) {
		t.Helper()
		if err := f.ready(); err != nil {
			t.Fatal(err)
		}
		if err := f.write(tap.appendFrame(nil, &Message{Kind: ClientQuery,
			Packet: packet(i)})); err != nil {
			t.Fatal(err)
		}
	}
	write(f, 1)
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	write(f, 2)
	if list := dnstaptest.ReadFile(t, path+".moved"); len(list) != 1 {
		t.Errorf("%v", list)
	}
	other, err := openFile(path, 1<<20, 4)
	if err != nil {
		t.Fatal(err)
	}
	write(other, 3)
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	write(f, 4)
	f.close()
	write(other, 5)
	other.close()
	for p, want := range map[string][]int{path: {3, 5}, path + ".1": {2, 4}} {
		list := dnstaptest.ReadFile(t, p)
		if len(list) != 2 || string(list[0].Query) != string(packet(want[0])) ||
			string(list[1].Query) != string(packet(want[1])) {
			t.Errorf("%s: %v", p, list)
		}
	}
}

// What a full disk has cut off is removed: the messages before and after it can be read.
func TestFileOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	f, err := openFile(path, 1<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	tap := NewTap(config(File), nil)
	frame := tap.appendFrame(nil, &Message{Kind: ClientQuery, Packet: packet(1)})
	if err := f.ready(); err != nil {
		t.Fatal(err)
	}
	if err := f.write(frame); err != nil {
		t.Fatal(err)
	}
	n, err := f.Write(frame[:7]) // as much as there was room for
	if err != nil {
		t.Fatal(err)
	}
	f.cutOff(n)
	if err := f.write(frame); err != nil {
		t.Fatal(err)
	}
	f.close()
	if list := dnstaptest.ReadFile(t, path); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// A message costs no allocation.
func TestPutAllocatesNothing(t *testing.T) {
	cfg := config(File)
	tap := NewTap(cfg, newSender(cfg, Parts{Counts: &counter.Outcomes{}}, nil))
	body := make([]byte, 200)
	client, at := netip.MustParseAddrPort("192.0.2.7:5353"), netip.MustParseAddrPort("192.0.2.1:53")
	for range 10000 { // the queue has grown
		tap.Put(&Message{Kind: ClientQuery, Packet: body})
	}
	tap.take(tap.queue)
	policy := &Policy{Type: "RPZ", Rule: "\x03bad\x00", Action: NXDomain, Match: QName}
	if n := testing.AllocsPerRun(1000, func() {
		tap.Put(&Message{Kind: ClientResponse, Asker: client, Answerer: at, Packet: body,
			Policy: policy, Cause: cause.Blocked})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
