// Stale answers beside those of Unbound, BIND, Knot Resolver and PowerDNS Recursor.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// besideRoot and besideAuthority are the servers of the root and of outage.net.
const (
	besideRoot      = "127.0.0.7"
	besideAuthority = "127.0.0.6"
)

// besides are resolvers at 127.0.0.1, each with an outcome.
var besides = []struct {
	name string
	at   string
}{{"Bailiwick", "127.0.0.1:5330"}, {"Unbound", "127.0.0.1:5331"}, {"BIND", "127.0.0.1:5332"},
	{"Knot Resolver", "127.0.0.1:5333"}, {"PowerDNS", "127.0.0.1:5334"}}

// The authority of a zone ends and comes back with another address. What each resolver answers
// meanwhile, and when it has what is fresh, is in the log of the test, and in docs/stale.md. Ours
// answers with stale data of the name and with a stale denial, within the client timeout, and is
// fresh in five seconds.
func TestStaleAnswersBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"nsd", "unbound", "named", "kresd", "pdns_recursor", "ip"})
		return
	}
	loopback(t)
	d := folder(t.TempDir())
	d.nsd(t, "root", besideRoot, ".", "@ 300 SOA ns h 1 2 3 4 60\n@ 300 NS ns\nns 300 A "+
		besideRoot+"\noutage.net 300 NS ns.outage.net\nns.outage.net 300 A "+besideAuthority+"\n")
	zone := func(address string) *exec.Cmd {
		return d.nsd(t, "authority", besideAuthority, "outage.net.", "@ 2 SOA ns h 1 2 3 4 2\n"+
			"@ 300 NS ns\nns 300 A "+besideAuthority+"\nwww 2 A "+address+"\n")
	}
	authority := zone("192.0.2.1")
	d.besides(t)
	for _, r := range besides {
		await(t, r.at, "www.outage.net.", dns.TypeA, func(m *dns.Msg) bool {
			return len(m.Answer) == 1
		})
		await(t, r.at, "no.outage.net.", dns.TypeA, func(m *dns.Msg) bool {
			return m.Rcode == dns.RcodeNameError
		})
	}
	end(t, authority)
	time.Sleep(4 * time.Second) // all of it has ended
	for _, r := range besides {
		for _, name := range []string{"www.outage.net.", "www.outage.net.", "no.outage.net."} {
			began := ran()
			m, err := ask(r.at, name, dns.TypeA)
			took := ran() - began
			t.Logf("%-13s %-15s %s after %v", r.name, name, outcomeOf(m, err), took)
			if r.name == "Bailiwick" && (err != nil || m.Rcode == dns.RcodeServerFailure ||
				took > 2500*time.Millisecond) {
				t.Errorf("%s: %v %v", name, m, err)
			}
		}
	}
	zone("192.0.2.2")
	back := ran()
	var all sync.WaitGroup
	fresh := make([]time.Duration, len(besides))
	for i, r := range besides {
		all.Go(func() {
			for ran()-back < 8*time.Second {
				m, err := ask(r.at, "www.outage.net.", dns.TypeA)
				if err == nil && len(m.Answer) == 1 &&
					strings.HasSuffix(m.Answer[0].String(), "192.0.2.2") {
					fresh[i] = ran() - back
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	all.Wait()
	for i, r := range besides {
		if fresh[i] > 0 {
			t.Logf("%-13s is fresh after %v", r.name, fresh[i].Round(100*time.Millisecond))
		} else {
			t.Logf("%-13s is not fresh after 8 s", r.name)
		}
	}
	if fresh[0] == 0 || fresh[0] > 5*time.Second {
		t.Errorf("fresh after %v", fresh[0])
	}
}

// outcomeOf is what a client sees of a response.
func outcomeOf(m *dns.Msg, err error) string {
	if err != nil {
		return err.Error()
	}
	s := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		s += fmt.Sprintf(", TTL %d", rr.Header().Ttl)
	}
	if o := m.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_EDE); ok {
				s += fmt.Sprintf(", EDE %d", e.InfoCode)
			}
		}
	}
	return s
}

// nsd starts NSD with one zone at an address, and waits for it.
func (d folder) nsd(t *testing.T, name, address, origin, text string) *exec.Cmd {
	t.Helper()
	zone := d.write(t, name+".zone", "$ORIGIN "+origin+"\n"+text)
	conf := d.write(t, name+".conf", fmt.Sprintf("server:\n  ip-address: %s\n  username: \"\"\n"+
		"  chroot: \"\"\n  pidfile: \"\"\n  database: \"\"\n  zonelistfile: %s\n  xfrdfile: %s\n"+
		"remote-control:\n  control-enable: no\nzone:\n  name: %s\n  zonefile: %s\n", address,
		d.path(name+".zones"), d.path(name+".xfrd"), origin, zone))
	cmd := launch(t, "nsd", "-d", "-c", conf)
	await(t, address+":53", origin, dns.TypeSOA, func(m *dns.Msg) bool {
		return len(m.Answer) == 1
	})
	return cmd
}

// besides starts the resolvers. None validates; all serve stale data as RFC 8767, section 5 has it,
// as far as they can be told.
func (d folder) besides(t *testing.T) {
	t.Helper()
	hints := d.write(t, "hints", ". 300 NS ns.\nns. 300 A "+besideRoot+"\n")
	launch(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"validator: {validation: off}\nresolver: {ipv6: false, do_not_query_localhost: false, "+
			"root_hints_file: %q}\n", besides[0].at, hints)))
	launch(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5331\n  do-not-query-localhost: no\n  root-hints: %q\n"+
			"  serve-expired: yes\n  serve-expired-client-timeout: 1800\n  ede: yes\n"+
			"  ede-serve-expired: yes\n  module-config: \"iterator\"\n", hints), "")))
	launch(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5332 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation no; "+
			"stale-cache-enable yes; stale-answer-enable yes; "+
			"stale-answer-client-timeout 1800; };\ncontrols { };\n"+
			"zone \".\" { type hint; file \"hints\"; };\n", string(d))))
	launch(t, "kresd", "-n", "-c", d.write(t, "kresd.conf", fmt.Sprintf(
		"net.ipv6 = false\nnet.listen('127.0.0.1', 5333, { kind = 'dns' })\n"+
			"modules = { 'hints > iterate', 'serve_stale < cache' }\n"+
			"hints.root({ ['ns.'] = '%s' })\ntrust_anchors.remove('.')\n"+
			"cache.open(16 * MB, 'lmdb://%s')\n", besideRoot, d.path("cache"))), string(d))
	d.write(t, "recursor.conf", fmt.Sprintf("local-address=127.0.0.1\nlocal-port=5334\n"+
		"hint-file=%s\ndnssec=off\ndont-query=\nsocket-dir=%s\ndaemon=no\nwrite-pid=no\n"+
		"serve-stale-extensions=2880\nextended-resolution-errors=yes\nsecurity-poll-suffix=\n"+
		"threads=1\n", hints, string(d)))
	launch(t, "pdns_recursor", "--config-dir="+string(d))
}
