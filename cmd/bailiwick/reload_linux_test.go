// Reloads while clients ask: what changes, and what clients do not notice.

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/config"
	"bailiwick/internal/lab"
	"bailiwick/internal/observe"
	"bailiwick/internal/snapshot"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// reloaded is a server in this process whose configuration is a file that changes. It asks the lab
// in memory, and is asked through sockets.
type reloaded struct {
	*running
	t    *testing.T
	file string
	udp  string // address
}

// reloadable starts a server with a configuration.
func reloadable(t *testing.T, text string) *reloaded {
	t.Helper()
	return reloadableOver(t, text, func(w transport.Exchanger) transport.Exchanger { return w })
}

// reloadableOver is reloadable with what it asks its internet by.
func reloadableOver(t *testing.T, text string,
	by func(transport.Exchanger) transport.Exchanger) *reloaded {
	t.Helper()
	return reloadableLogging(t, text, by, nil)
}

// reloadableLogging is reloadableOver with a journal, and all that only a server with one has.
func reloadableLogging(t *testing.T, text string, by func(transport.Exchanger) transport.Exchanger,
	journal *observe.Journal) *reloaded {
	t.Helper()
	s := unstarted(t, text, by, journal)
	s.start()
	t.Cleanup(s.close)
	return s
}

// unstarted is reloadableLogging with a server that is not started: nothing happens in it by
// itself.
func unstarted(t *testing.T, text string, by func(transport.Exchanger) transport.Exchanger,
	journal *observe.Journal) *reloaded {
	t.Helper()
	s := &reloaded{t: t, file: filepath.Join(t.TempDir(), "bailiwick.yaml")}
	w := lab.Internet(time.Now())
	read := func() (*config.Config, config.Findings, error) {
		cfg, found := readConfig(s.file)
		zones, held, insecure := cfg.Zones, cfg.Held, cfg.Anchors.Insecure
		err := useLab(cfg, w)
		cfg.Zones, cfg.Held, cfg.Anchors.Insecure = zones, held, insecure
		cfg.SelfSigned = len(cfg.Transport.Certificates) == 0
		cfg.Resolver.Prime = false
		return cfg, found, err
	}
	s.udp = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.write(text)
	cfg, found, err := read()
	if err != nil {
		t.Fatal(err)
	}
	p, more := snapshot.Load(cfg)
	if found = append(found, more...); found.Err() != nil {
		t.Fatal(found.Err())
	}
	if s.running, err = newStack(p, by(w), journal).listen(); err != nil {
		t.Fatal(err)
	}
	s.read = read
	return s
}

// write changes the file. In the text UDP is the address of the listener that there always is.
func (s *reloaded) write(text string) {
	s.t.Helper()
	text = strings.ReplaceAll(text, "UDP", fmt.Sprintf("%q", s.udp))
	if !strings.Contains(text, "admin:") {
		text += "admin: {listen: ''}\ncontrol: {socket: ''}\n"
	}
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// change writes the file and reloads.
func (s *reloaded) change(text string) map[string]any {
	s.t.Helper()
	s.write(text)
	m, err := s.reload()
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// ask returns the answer's RCODE, and its reason if it has one.
func (s *reloaded) ask(network, at, name string) (string, error) {
	c := dns.Client{Net: network, Timeout: patience,
		TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, true), at)
	if err != nil {
		return "", err
	}
	text := dns.RcodeToString[m.Rcode]
	if m.AuthenticatedData {
		text += "+ad"
	}
	return text, nil
}

// expect asks over UDP.
func (s *reloaded) expect(name, want string) {
	s.t.Helper()
	if got, err := s.ask("udp", s.udp, name); got != want {
		s.t.Errorf("%s: %s, %v; want %s", name, got, err, want)
	}
}

const plain = "listen: {udp: [UDP], tcp: [UDP]}\n"

// A broken file changes nothing, and all that is wrong with it is listed.
func TestReloadRefusesABrokenFileWhole(t *testing.T) {
	s := reloadable(t, plain)
	before := s.now()
	s.expect("www.secure.example.", "NOERROR+ad")
	s.write("listen: {udp: [UDP], tcp: []}\nserver: {ede: maybe}\n" +
		"cache: {min_ttl: 2h, max_ttl: 1h}\npolicy: {access: [\"127.0.0.0/8 refuse\"]}\n")
	_, err := s.reload()
	if err == nil || !strings.Contains(err.Error(), "ede") ||
		!strings.Contains(err.Error(), "min_ttl") {
		t.Errorf("the errors are %v", err)
	}
	if s.now() != before {
		t.Error("something of it is in use")
	}
	s.expect("www.secure.example.", "NOERROR+ad")
}

// A port that another process has refuses the reload, and leaves no listener of it open.
func TestReloadRefusesAPortThatIsTaken(t *testing.T) {
	s := reloadable(t, plain)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.write(fmt.Sprintf("listen: {udp: [UDP], tcp: [UDP, %q, %q]}\n"+
		"policy: {access: [\"127.0.0.0/8 refuse\"]}\n", free, taken.Addr()))
	if _, err := s.reload(); err == nil {
		t.Error("it is in use")
	}
	if c, err := net.Dial("tcp", free); err == nil {
		c.Close()
		t.Error("a listener of the refused configuration is open")
	}
	s.expect("www.secure.example.", "NOERROR+ad")
}

// Listeners come and go, and those that stay keep their sockets and connections.
func TestReloadOpensAndClosesOnlyWhatHasChanged(t *testing.T) {
	s := reloadable(t, plain)
	kept, err := dns.Dial("tcp", s.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	over := func() error {
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
		if err := kept.WriteMsg(q); err != nil {
			return err
		}
		_, err := kept.ReadMsg()
		return err
	}
	if err := over(); err != nil {
		t.Fatal(err)
	}
	was := s.now().listeners
	more := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	m := s.change(fmt.Sprintf("listen: {udp: [UDP, %q], tcp: [UDP], dot: [%q]}\n", more, more))
	if m["opened"] != "udp "+more+", dot "+more || m["closed"] != nil {
		t.Errorf("report %v", m)
	}
	for _, l := range was {
		same := false
		for _, n := range s.now().listeners {
			same = same || n.Listener == l.Listener
		}
		if !same {
			t.Errorf("%s was opened anew", l.text())
		}
	}
	for network, at := range map[string]string{"udp": more, "tcp-tls": more} {
		if got, err := s.ask(network, at, "www.secure.example."); got != "NOERROR+ad" {
			t.Errorf("the new listener, %s: %s, %v", network, got, err)
		}
	}
	if err := over(); err != nil {
		t.Errorf("the connection that was open: %v", err)
	}
	if m = s.change(plain); m["closed"] != "udp "+more+", dot "+more || m["opened"] != nil {
		t.Errorf("report %v", m)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", more)
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatal("the removed listener is open")
		}
	}
	if err := over(); err != nil {
		t.Errorf("the connection that was open: %v", err)
	}
}

// Who may ask changes for listeners that stay open, prepared answers or not.
func TestReloadChangesWhoMayAsk(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.change(plain + "policy: {access: [\"127.0.0.0/8 refuse\", \"10.0.0.0/8 allow\"]}\n")
	s.expect("www.secure.example.", "REFUSED")
	s.change(plain)
	s.expect("www.secure.example.", "NOERROR+ad")
}

// A zone with servers of its own takes over its names at once, whatever was known of them; other
// names are still known.
func TestReloadWithANewForwardZoneForgetsItsNames(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.unsigned.example.", "NOERROR")
	m := s.change(plain + "resolver: {forward_zones: [{name: secure.example, " +
		"addresses: [\"127.0.0.1:9\"], insecure: true}]}\n")
	if m["forgotten"] == 0 {
		t.Error("nothing was forgotten")
	}
	s.expect("www.secure.example.", "SERVFAIL")
	known := s.now().resolver.Known(wire.Question{Name: wire.MustParseName("www.unsigned.example"),
		Type: wire.TypeA, Class: wire.ClassIN}, false, true, &resolver.Checks{})
	if known == nil || known.Failure != nil {
		t.Errorf("what the zone does not concern was forgotten: %v", known)
	}
	s.change(plain)
	s.expect("www.secure.example.", "NOERROR+ad")
}

// A listener at all addresses of IPv6 has no clients with IPv4, over UDP or TCP: these would come
// as addresses of IPv6, which no network of IPv4 is about (PowerDNS/pdns 16537, razvandimescu/numa
// 246).
func TestListenersAreOfOneFamily(t *testing.T) {
	port := freePort(t)
	s := reloadable(t, fmt.Sprintf("listen: {udp: [UDP, \"[::]:%d\"], "+
		"tcp: [UDP, \"[::]:%[1]d\"]}\n",
		port))
	for _, network := range []string{"udp", "tcp"} {
		for at, want := range map[string]string{"127.0.0.1": "", "[::1]": "NOERROR+ad"} {
			got, err := s.ask(network, fmt.Sprintf("%s:%d", at, port), "www.secure.example.")
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%s at %s: %s, %v", network, at, got, err)
			}
		}
	}
}

// A negative trust anchor holds at once, and no longer than it is configured.
func TestReloadWithOtherAnchorsJudgesAgain(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.expired.faulty.", "SERVFAIL")
	s.change(plain + "trust_anchors: {insecure: [expired.faulty]}\n")
	s.expect("www.expired.faulty.", "NOERROR")
	s.change(plain)
	s.expect("www.expired.faulty.", "SERVFAIL")
}

// Without validation nothing is secure and nothing bogus. What was admitted meanwhile is judged
// when validation is on again.
func TestReloadSwitchesValidation(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
	m := s.change(plain + "validator: {validation: off}\n")
	if m["warnings"] == nil {
		t.Errorf("it is not warned of: %v", m)
	}
	s.expect("www.secure.example.", "NOERROR")
	s.expect("www.expired.faulty.", "NOERROR")
	s.change(plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
}

// How a zone is validated changes by reload, and what was admitted before is judged anew.
func TestReloadChangesTheModeOfAZone(t *testing.T) {
	s := reloadable(t, plain)
	for _, mode := range []string{"permissive", "insecure"} {
		s.expect("www.expired.faulty.", "SERVFAIL")
		s.expect("www.secure.example.", "NOERROR+ad")
		s.change(plain + "validator: {zones: [{zone: expired.faulty, mode: " + mode +
			"}, {zone: secure.example, mode: " + mode + "}]}\n")
		s.expect("www.expired.faulty.", "NOERROR")
		s.expect("www.secure.example.", "NOERROR")
		s.change(plain)
	}
	s.expect("www.expired.faulty.", "SERVFAIL")
	s.expect("www.secure.example.", "NOERROR+ad")
}

// What holds from one start to the next is named.
func TestReloadNamesWhatNeedsARestart(t *testing.T) {
	s := reloadable(t, plain)
	m := s.change(plain + "state: {directory: " + t.TempDir() + "}\ncache: {prefetch: false}\n" +
		"validator: {time: 2026-01-01T00:00:00Z}\n")
	if m["needs_restart"] != "state.directory, validator.time" ||
		m["changed"] != "state.directory, validator.time, cache.prefetch" {
		t.Errorf("report %v", m)
	}
}

// Under load, with reloads one upon the other, every query is answered: over UDP, on a connection
// that stays, and over DoT. Unbound is silent while it reloads
// (github.com/NLnetLabs/unbound/issues/636).
func TestReloadUnderLoadLosesNoQuery(t *testing.T) {
	dot := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	text := "listen: {udp: [UDP], tcp: [UDP], dot: [" + fmt.Sprintf("%q", dot) + "]}\n"
	s := reloadable(t, text)
	s.expect("www.secure.example.", "NOERROR+ad")
	var stop atomic.Bool
	var asked atomic.Int64
	var clients sync.WaitGroup
	for network, at := range map[string]string{"udp": s.udp, "tcp": s.udp, "tcp-tls": dot} {
		clients.Go(func() {
			c := dns.Client{Net: network, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
			conn, err := c.Dial(at)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for i := 0; !stop.Load(); i++ {
				name := "www.secure.example."
				if i%2 == 1 {
					name = fmt.Sprintf("no%d.secure.example.", i)
				}
				q := new(dns.Msg).SetQuestion(name, dns.TypeA)
				_ = conn.SetDeadline(time.Now().Add(patience))
				if err := conn.WriteMsg(q); err != nil {
					t.Errorf("%s, query %d: %v", network, i, err)
					return
				}
				m, err := conn.ReadMsg()
				if err != nil || m.Rcode == dns.RcodeServerFailure || m.Rcode == dns.RcodeRefused {
					t.Errorf("%s, query %d: %v, %v", network, i, m, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	for i := range 20 {
		for before := asked.Load(); asked.Load() < before+20 && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		s.change(text + fmt.Sprintf("cache: {max_ttl: %dm, memory: %dMiB}\nserver: {ede: %v}\n"+
			"connections: {max: %d}\n", 10+i/5, 2<<(3*i%10), i%2 == 0, 100+i))
	}
	stop.Store(true)
	clients.Wait()
}

// Two reloads at once are one after the other, and none begins when the server ends.
func TestReloadsTakeTurnsAndEndWithTheServer(t *testing.T) {
	s := reloadable(t, plain)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := s.reload(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if n := s.now().class; n != 2 {
		t.Errorf("%d reloads", n)
	}
	s.close()
	if _, err := s.reload(); err == nil {
		t.Error("a reload after the end")
	}
}
