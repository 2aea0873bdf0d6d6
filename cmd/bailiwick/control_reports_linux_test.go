// What went wrong elsewhere when a running server was operated, by public reports.

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/internal/observe"
	"bailiwick/transport"
)

// operated is a server that is operated while it runs. Beside the lab's servers there is 10.9.9.1,
// which has an address for every name, or denies all.
type operated struct {
	*reloaded
	address atomic.Pointer[net.IP] // nil: no name exists
}

// do runs an operation; arguments are "name=value".
func (o *operated) do(command string, args ...string) (console.Result, error) {
	q := console.Request{Command: command, Args: map[string]string{}}
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		q.Args[name] = value
	}
	return runOf(o.running, command)(q)
}

// must runs an operation that has to succeed.
func (o *operated) must(command string, args ...string) console.Result {
	o.t.Helper()
	r, err := o.do(command, args...)
	if err != nil {
		o.t.Fatalf("%s %v: %v", command, args, err)
	}
	return r
}

// gets asks for the address of a name, three times: from a server, the cache and as prepared.
func (o *operated) gets(name, want string) {
	o.t.Helper()
	for range 3 {
		if got := o.askAs(others, o.udp, name); got != want {
			o.t.Errorf("%s: %s, want %s", name, got, want)
			return
		}
	}
}

// Exchange answers for 10.9.9.1.
func (o *operated) exchange(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	m.SetEdns0(1232, true)
	ip := o.address.Load()
	switch {
	case ip == nil:
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{&dns.SOA{Ns: "ns.", Mbox: "host.", Serial: 1, Minttl: 3600,
			Hdr: dns.RR_Header{Name: "corp.example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET,
				Ttl: 3600}}}
	case q.Question[0].Qtype == dns.TypeA:
		m.Answer = []dns.RR{&dns.A{A: *ip, Hdr: dns.RR_Header{Name: q.Question[0].Name,
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}}}
	}
	return m
}

// operatedExchanger is the network of an operated server.
type operatedExchanger struct {
	transport.Exchanger
	o *operated
}

func (e *operatedExchanger) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	q := new(dns.Msg)
	if r.Server.Addr().String() != "10.9.9.1" {
		return e.Exchanger.Exchange(ctx, r)
	}
	if err := q.Unpack(r.Query); err != nil {
		return nil, err
	}
	return e.o.exchange(q).Pack()
}

// newOperated starts one with a configuration beside its listeners, and state in a directory.
func newOperated(t *testing.T, text string) *operated {
	t.Helper()
	o := &operated{}
	j := observe.NewJournal(os.Stderr)
	state := fmt.Sprintf("state: {directory: %q}\n", t.TempDir())
	o.reloaded = reloadableLogging(t, plain+state+text,
		func(w transport.Exchanger) transport.Exchanger { return &operatedExchanger{w, o} }, j)
	o.at(10, 0, 0, 1)
	return o
}

// at gives 10.9.9.1 its answer.
func (o *operated) at(a, b, c, d byte) {
	ip := net.IPv4(a, b, c, d)
	o.address.Store(&ip)
}

// forwarding is a configuration with a forward zone.
const forwarding = "resolver: {forward_zones: [{name: corp.example, addresses: [10.9.9.1], " +
	"insecure: true}]}\n"

func TestControlReports(t *testing.T) {
	for _, c := range []struct {
		situation, reference, text string
		do                         func(*operated)
	}{{
		situation: "a reload that could not read the configuration took the forward zones with it",
		reference: "PowerDNS/pdns 2072, PowerDNS/pdns 273", text: forwarding,
		do: func(o *operated) {
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
			good, err := os.ReadFile(o.file)
			if err != nil {
				o.t.Fatal(err)
			}
			for _, bad := range []string{"", "resolver: {forward_zones: [{name: corp.example\n",
				string(good) + "policy: {hosts_files: [/no/such/hosts]}\n"} {
				err := os.WriteFile(o.file, []byte(bad), 0o600)
				if bad == "" {
					err = os.Remove(o.file)
				}
				if err != nil {
					o.t.Fatal(err)
				}
				if _, err := o.do("reload"); err == nil {
					o.t.Errorf("%q is taken", bad)
				}
				o.gets("host.corp.example.", "NOERROR 10.0.0.1")
				o.gets("other.corp.example.", "NOERROR 10.0.0.1")
				// Nor was any command answered any more (PowerDNS/pdns 330, PowerDNS/pdns 274).
				if r := o.must("forwards list"); len(r.Rows) != 1 {
					o.t.Errorf("forward zones: %v", r.Rows)
				}
				o.must("status")
				o.must("flush", "name=other.corp.example")
			}
			if err := os.WriteFile(o.file, good, 0o600); err != nil {
				o.t.Fatal(err)
			}
			o.must("reload")
		},
	}, {
		situation: "answers known to be bogus stayed so after an exception was added, and those " +
			"that it had admitted stayed after it was removed",
		reference: "PowerDNS/pdns 6949",
		do: func(o *operated) {
			o.gets("www.expired.faulty.", "SERVFAIL")
			o.must("nta add", "zone=expired.faulty", "reason=a test")
			o.gets("www.expired.faulty.", "NOERROR 192.0.2.1")
			o.must("nta remove", "zone=expired.faulty")
			o.gets("www.expired.faulty.", "SERVFAIL")
		},
	}, {
		situation: "a forward zone that was removed was answered from the cache still",
		reference: "PowerDNS/pdns 1306, PowerDNS/pdnscontrol 27", text: forwarding,
		do: func(o *operated) {
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
			o.must("forwards remove", "zone=corp.example")
			o.gets("host.corp.example.", "NXDOMAIN")
			o.must("reload")
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
		},
	}, {
		situation: "a forward zone was not used for names that were known not to exist, nor by " +
			"a delegation that was known",
		reference: "NLnetLabs/unbound 292, NLnetLabs/unbound 451, PowerDNS/pdns 11066",
		text:      "trust_anchors: {insecure: [corp.example, unsigned.example]}\n",
		do: func(o *operated) {
			o.gets("host.corp.example.", "NXDOMAIN")
			o.gets("www.unsigned.example.", "NOERROR 192.0.2.1")
			o.must("forwards set", "zone=corp.example", "servers=10.9.9.1")
			o.must("forwards set", "zone=unsigned.example", "servers=10.9.9.1")
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
			o.gets("www.unsigned.example.", "NOERROR 10.0.0.1")
		},
	}, {
		situation: "the root could not be made a forward zone",
		reference: "PowerDNS/pdns 5376, PowerDNS/pdns 5421",
		text:      "trust_anchors: {insecure: [example]}\n",
		do: func(o *operated) {
			o.must("forwards set", "zone=.", "servers=10.9.9.1")
			o.gets("www.unsigned.example.", "NOERROR 10.0.0.1")
			o.must("forwards remove", "zone=.")
			o.gets("www.unsigned.example.", "NOERROR 192.0.2.1")
		},
	}, {
		situation: "what was flushed was still in the memory of packets",
		reference: "PowerDNS/pdns 282", text: forwarding,
		do: func(o *operated) {
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
			o.at(10, 0, 0, 2)
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
			o.must("flush", "name=host.corp.example")
			o.gets("host.corp.example.", "NOERROR 10.0.0.2")
			o.at(10, 0, 0, 3)
			o.must("flush", "all=true")
			o.gets("host.corp.example.", "NOERROR 10.0.0.3")
		},
	}, {
		situation: "a flush of a domain left the names below it, and that names do not exist",
		reference: "chatmail/relay 140", text: forwarding,
		do: func(o *operated) {
			o.gets("a.b.corp.example.", "NOERROR 10.0.0.1")
			o.address.Store(nil)
			o.gets("none.corp.example.", "NXDOMAIN")
			o.at(10, 0, 0, 2)
			o.must("flush", "name=corp.example")
			o.gets("a.b.corp.example.", "NOERROR 10.0.0.1") // it was not asked for
			o.must("flush", "name=corp.example", "subtree=true")
			o.gets("a.b.corp.example.", "NOERROR 10.0.0.2")
			o.gets("none.corp.example.", "NOERROR 10.0.0.2")
		},
	}, {
		situation: "servers that are no addresses were taken in part, or ended the server",
		reference: "PowerDNS/pdns 3956, PowerDNS/pdns 6893", text: forwarding,
		do: func(o *operated) {
			before := fmt.Sprint(o.must("settings").Fields)
			for _, args := range [][]string{{"zone=corp.example", "servers=10.9.9.1,10.9.9"},
				{"zone=corp.example", "servers=10.9.9.1:99999"},
				{"zone=corp.example", "servers="}, {"zone=corp..example", "servers=10.9.9.1"},
				{"zone=other.example", "servers=10.9.9.1 weight x"},
				{"zone=corp.example", "servers=10.9.9.1", "view=none"}} {
				if _, err := o.do("forwards set", args...); err == nil {
					o.t.Errorf("%v is taken", args)
				}
			}
			if after := fmt.Sprint(o.must("settings").Fields); after != before {
				o.t.Errorf("%s, before %s", after, before)
			}
			o.gets("host.corp.example.", "NOERROR 10.0.0.1")
		},
	}, {
		situation: "a zone that the configuration has not any more was transferred still",
		reference: "coredns/coredns 6714, coredns/coredns 7141",
		do: func(o *operated) {
			p := newZoneServer(o.t)
			p.has("held.example.", "www.held.example. 60 IN A 192.0.2.80")
			text := plain + fmt.Sprintf("zones: {held: [{name: held.example, primaries: "+
				"[\"127.0.0.1@%d\"], fallback: no}]}\n", p.port) +
				"trust_anchors: {insecure: [held.example]}\n"
			o.change(text)
			until(o.t, "the copy is used", func() bool {
				return o.askAs(others, o.udp, "www.held.example.") == "NOERROR 192.0.2.80"
			})
			o.change(plain)
			n := p.transfers("held.example.")
			p.has("held.example.", "www.held.example. 60 IN A 192.0.2.81")
			if _, err := o.do("zones refresh", "name=held.example"); err == nil {
				o.t.Error("it is refreshed")
			}
			o.gets("www.held.example.", "NXDOMAIN")
			o.change(text)
			until(o.t, "the copy is used", func() bool {
				return o.askAs(others, o.udp, "www.held.example.") == "NOERROR 192.0.2.81"
			})
			if m := p.transfers("held.example."); m != n+1 {
				o.t.Errorf("%d transfers, want %d", m, n+1)
			}
		},
	}} {
		t.Run(c.reference, func(t *testing.T) {
			t.Log(c.situation)
			c.do(newOperated(t, c.text))
		})
	}
}

// Of changes that are made at once none is lost, and what outlives a restart is what is in use
// (systemd/systemd 31951 and meow-rs/meow-rs 552: settings that were in use and those that were
// kept went different ways).
func TestControlReportChangesAtOnce(t *testing.T) {
	o := newOperated(t, "")
	const zones, rounds = 12, 8
	for round := range rounds {
		var all sync.WaitGroup
		for i := range zones {
			all.Go(func() {
				o.must("forwards set", fmt.Sprintf("zone=own%d.example", i),
					fmt.Sprintf("servers=192.0.2.%d", round+1), "persist=true")
			})
			all.Go(func() { // the same zone, by all
				o.must("forwards set", "zone=common.example",
					fmt.Sprintf("servers=192.0.2.%d", 100+i), "persist=true")
			})
		}
		all.Go(func() { o.must("reload") })
		all.Wait()
		use := map[string]string{}
		for _, row := range o.must("forwards list").Rows {
			use["forward "+row[0].(string)] = row[2].(string)
		}
		kept := o.must("changes list").Rows
		for _, row := range kept {
			if in := use[row[0].(string)]; in != fmt.Sprint(row[1], ":53") {
				t.Errorf("round %d: %v is in use at %q", round, row, in)
			}
		}
		if len(use) != zones+1 || len(kept) != zones+1 {
			t.Fatalf("round %d: %d in use and %d kept, want %d", round, len(use), len(kept),
				zones+1)
		}
	}
}

// A change is in use and kept in one turn: while it is being saved nothing else changes, so that a
// reload cannot go without it, and the next change of the same is saved after it.
func TestControlReportChangesAreKeptInTurn(t *testing.T) {
	o := newOperated(t, "")
	var changed sync.WaitGroup
	o.kept.mu.Lock()
	changed.Go(func() {
		o.must("forwards set", "zone=own.example", "servers=192.0.2.1", "persist=true")
	})
	until(t, "the change is in use", func() bool {
		return len(o.must("forwards list").Rows) == 1
	})
	if o.reloading.TryLock() {
		t.Error("it is in use, and something else could be put in its place before it is saved")
		o.reloading.Unlock()
	}
	o.kept.mu.Unlock()
	changed.Wait()
	if rows := o.must("changes list").Rows; len(rows) != 1 {
		t.Errorf("kept: %v", rows)
	}
}

// The control socket is there after each reload, by command and by signal, in turns
// (NLnetLabs/unbound 266: the port was gone after the first; coredns/coredns 6263: a reload by
// signal ended those by file).
func TestControlReportSocketOutlivesReloads(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	for range 3 {
		if out, err := runCtl(t, socket, "reload"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if out, err := runCtl(t, socket, "status"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// Who is in the group of the socket needs nothing of the folder but to pass it, and who is not is
// told why (PowerDNS/pdns 269: the folder had to be writable; NLnetLabs/unbound 813: the group
// could not read what it needed; PowerDNS/pdns 636: the reason was missing).
func TestControlReportGroupOfTheSocket(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root can be others
	}
	folder, err := os.MkdirTemp("", "group")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	for at := folder; len(at) > 1; at = filepath.Dir(at) { // as others pass it
		st, err := os.Stat(at)
		if err != nil {
			t.Fatal(err)
		}
		if mode := st.Mode().Perm(); mode&0o011 != 0o011 {
			if err := os.Chmod(at, mode|0o011); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(at, mode) })
		}
	}
	program := filepath.Join(folder, "ctl")
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err == nil {
		err = os.Chmod(program, 0o755) // whatever the umask
	}
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(folder, "control.sock")
	startConfigured(t, "control: {socket: "+socket+", socket_group: 54321, socket_mode: 660}\n"+
		"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]}\n", nil, nil)
	as := func(gid uint32) (string, error) {
		cmd := exec.Command(program, "ctl", "--socket", socket, "status")
		cmd.Env = []string{"BAILIWICK_TEST_PROCESS=1"}
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: 54320, Gid: gid}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := as(54321); err != nil || !strings.Contains(out, "version") {
		t.Errorf("in the group: %v: %s", err, out)
	}
	out, err := as(54322)
	if err == nil || !strings.Contains(out, socket) ||
		!strings.Contains(out, "permission denied") || !strings.Contains(out, "socket_group") {
		t.Errorf("in another: %v: %s", err, out)
	}
}

// A list that is longer than before blocks what is in the cache and prepared, at once and without
// an answer being asked for again (PowerDNS/pdns 4445, b-m-f/WirtBot 215: until the cache had
// forgotten it the name was answered).
func TestControlReportListsHoldForWhatIsCached(t *testing.T) {
	o := newOperated(t, "")
	o.gets("www.secure.example.", public)
	list := filepath.Join(filepath.Dir(o.file), "list.txt")
	text := plain + "policy: {block_lists: [{file: list.txt}]}\n"
	for _, blocked := range []bool{false, true, false} {
		lines := "other.example\n"
		if blocked {
			lines += "secure.example\n"
		}
		if err := os.WriteFile(list, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		o.write(text)
		o.must("reload")
		o.gets("www.secure.example.", map[bool]string{true: "NXDOMAIN", false: public}[blocked])
		// The file alone has changed: the configuration in use names it.
		if err := os.WriteFile(list, []byte("nothing.example\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		o.must("policy reload")
		o.gets("www.secure.example.", public)
	}
	if r := o.must("policy"); !slices.ContainsFunc(r.Rows, func(row []any) bool {
		return strings.Contains(fmt.Sprint(row...), "list.txt")
	}) {
		t.Errorf("the list is not shown: %v", r.Rows)
	}
}
