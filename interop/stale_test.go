// Stale answers: a real authoritative server that ends and comes back, Unbound beside Bailiwick,
// and the clock that can be moved.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	staleAuthority = "127.0.0.1"
	stalePort      = 5311
	staleOurs      = "127.0.0.1:5310"
	staleUnbound   = "127.0.0.1:5312"
)

// An authority ends for an hour of the movable clock: clients get what is stale, with the reason,
// and never wait for longer than two seconds. Within five seconds of its return they get what is
// fresh. Unbound gives the same answers while it is away.
func TestStaleAnswersForAnHour(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"nsd", "unbound", "ip"})
		return
	}
	loopback(t)
	d := folder(t.TempDir())
	authority := d.authority(t, "192.0.2.1")
	bin := d.path("bailiwick")
	run(t, "go", "build", "-tags", "testclock", "-o", bin, "bailiwick/cmd/bailiwick")
	conf := d.write(t, "bailiwick.yaml", fmt.Sprintf(`listen: {udp: ["%s"]}
admin: {listen: ""}
control: {socket: %s}
clock: {start: 2026-01-01T00:00:00Z}
validator: {validation: off}
resolver:
  ipv6: false
  do_not_query_localhost: false
  stub_zones: [{name: outage.test., addresses: ["%s:%d"]}]
policy: {special_names: false}
`, staleOurs, d.path("control"), staleAuthority, stalePort))
	launch(t, bin, "serve", "--config", conf)
	launch(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1\n  port: 5312\n  do-not-query-localhost: no\n"+
			"  local-zone: \"test.\" nodefault\n  serve-expired: yes\n"+
			"  serve-expired-client-timeout: 1800\n  ede: yes\n  ede-serve-expired: yes\n"+
			"  module-config: \"iterator\"\n"),
		fmt.Sprintf("stub-zone:\n  name: outage.test.\n  stub-addr: %s@%d\n", staleAuthority,
			stalePort))))
	advance := func(by string) {
		run(t, bin, "ctl", "--socket", d.path("control"), "clock", "advance", by)
	}
	good := func(m *dns.Msg) bool { return m.Rcode == dns.RcodeSuccess && len(m.Answer) == 1 }
	for _, at := range []string{staleOurs, staleUnbound} {
		for _, name := range []string{"www.outage.test.", "short.outage.test."} {
			await(t, at, name, dns.TypeA, good)
		}
	}
	ended := end(t, authority)
	if !ended {
		t.Fatal("NSD does not end")
	}
	time.Sleep(3 * time.Second) // the record short has ended, for Unbound too
	for _, at := range []string{staleOurs, staleUnbound} {
		stale(t, at, "short.outage.test.")
	}
	advance("6m")
	for range 18 {
		advance("3m")
		stale(t, staleOurs, "www.outage.test.")
	}
	authority = d.authority(t, "192.0.2.2")
	within(t, 5*time.Second, "the answer is fresh", func() bool {
		m, err := ask(staleOurs, "www.outage.test.", dns.TypeA)
		return err == nil && good(m) && strings.HasSuffix(m.Answer[0].String(), "192.0.2.2") &&
			!hasEDE(m, dns.ExtendedErrorCodeStaleAnswer)
	})
	end(t, authority)
}

// authority starts NSD with a zone whose host www has an address, and waits for it.
func (d folder) authority(t *testing.T, address string) *exec.Cmd {
	t.Helper()
	zone := d.write(t, "zone", "$ORIGIN outage.test.\n@ 300 SOA ns h 1 2 3 4 60\n"+
		"@ 300 NS ns\nns 300 A 127.0.0.1\nwww 300 A "+address+"\nshort 1 A "+address+"\n")
	conf := d.write(t, "nsd.conf", fmt.Sprintf("server:\n  ip-address: %s@%d\n  username: \"\"\n"+
		"  chroot: \"\"\n  pidfile: \"\"\n  database: \"\"\n  zonelistfile: %s\n  xfrdfile: %s\n"+
		"remote-control:\n  control-enable: no\nzone:\n  name: outage.test.\n  zonefile: %s\n",
		staleAuthority, stalePort, d.path("zones"), d.path("xfrd"), zone))
	cmd := launch(t, "nsd", "-d", "-c", conf)
	await(t, fmt.Sprintf("%s:%d", staleAuthority, stalePort), "www.outage.test.", dns.TypeA,
		func(m *dns.Msg) bool { return len(m.Answer) == 1 })
	return cmd
}

// launch starts a program, which ends with the test at the latest.
func launch(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd) })
	return cmd
}

// end ends a program, and reports whether it has ended.
func end(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	if cmd.ProcessState != nil {
		return true
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	return cmd.ProcessState != nil
}

// stale checks that a server gives a stale answer, with its reason, and in time.
func stale(t *testing.T, at, name string) {
	t.Helper()
	began := ran()
	m, err := ask(at, name, dns.TypeA)
	if err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 ||
		m.Answer[0].Header().Ttl > 30 || !hasEDE(m, dns.ExtendedErrorCodeStaleAnswer) {
		t.Errorf("%s from %s: %v %v", name, at, m, err)
	}
	if took := ran() - began; took > 2500*time.Millisecond {
		t.Errorf("%s from %s: after %v", name, at, took)
	}
}

// hasEDE reports whether a response has an Extended DNS Error.
func hasEDE(m *dns.Msg, code uint16) bool {
	if o := m.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_EDE); ok && e.InfoCode == code {
				return true
			}
		}
	}
	return false
}
