// A preset of a public resolver, with other servers at its addresses and with its names: DoT by
// Unbound, DoH by dnsdist, DoQ by ourselves.

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/miekg/dns"
)

// publicAddrs are those of quad9 over IPv4.
var publicAddrs = []string{"9.9.9.9", "149.112.112.112"}

// What each server answers.
const (
	byDoT   = "192.0.2.1"
	byDoH   = "192.0.2.2"
	byDoQ   = "192.0.2.3"
	byPlain = "192.0.2.66"
)

// publicUnbound starts an Unbound that answers every name with an address, at a port of the public
// addresses, and over TLS if there is a certificate.
func (d folder) publicUnbound(t *testing.T, answer string, port int, cert, key string) *exec.Cmd {
	t.Helper()
	lines := fmt.Sprintf("  access-control: 0.0.0.0/0 allow\n  local-zone: \".\" redirect\n"+
		"  local-data: \". 60 A %s\"\n", answer)
	for _, a := range publicAddrs {
		lines += fmt.Sprintf("  interface: %s@%d\n", a, port)
	}
	if cert != "" {
		lines += fmt.Sprintf("  do-udp: no\n  tls-service-key: %q\n  tls-service-pem: %q\n  "+
			"tls-port: %d\n", key, cert, port)
	}
	cmd := launch(t, "unbound", "-d", "-c", d.write(t, fmt.Sprintf("unbound%s-%d.conf", answer,
		port), unboundConf(lines, "")))
	open(t, publicAddrs[0], port)
	return cmd
}

// open waits until something listens at a port.
func open(t *testing.T, addr string, port int) {
	t.Helper()
	eventually(t, fmt.Sprintf("port %d is open", port), func() bool {
		c, err := net.Dial("tcp", net.JoinHostPort(addr, fmt.Sprint(port)))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// TestPreset: the servers are found without DNS, have to prove their name, and are asked over the
// transports in the order of the preset: a later one where the earlier ones fail, however they
// fail, and again the first when it is back. Plain DNS at the same addresses is never asked
// (qdm12/dns 139, DNSCrypt/dnscrypt-proxy 3165, AdguardTeam/AdGuardHome 7931).
func TestPreset(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"unbound", "dnsdist", "openssl", "ip"})
		return
	}
	loopback(t)
	for _, a := range publicAddrs {
		run(t, "ip", "address", "add", a+"/32", "dev", "lo")
	}
	d := folder(t.TempDir())
	cert, key := d.certificate(t, "dns.quad9.net")
	wrong, wrongKey := d.certificate(t, "dns.evil.test")
	d.publicUnbound(t, byPlain, 53, "", "")
	dot := func() *exec.Cmd { return d.publicUnbound(t, byDoT, 853, cert, key) }
	mortal := dot()
	doh := launch(t, "dnsdist", "--supervised", "--disable-syslog", "-C", d.write(t, "dnsdist.conf",
		fmt.Sprintf("addDOHLocal('9.9.9.9:443', %q, %q, '/dns-query')\n"+
			"addDOHLocal('149.112.112.112:443', %[1]q, %[2]q, '/dns-query')\n"+
			"setACL('0.0.0.0/0')\nnewServer('127.0.0.9:5300')\n"+
			"addAction(AllRule(), SpoofAction(%q))\n", cert, key, byDoH)))
	open(t, publicAddrs[0], 443)
	bin := d.ourselves(t, fmt.Sprintf("  forward_zones: [{name: ., preset: quad9, tls_ca: %q, "+
		"transports: [dot, doh, doq]}]\n", cert))
	quic := launch(t, bin, "serve", "--config", d.write(t, "quic.yaml", fmt.Sprintf(
		"listen: {udp: [], tcp: [], doq: [\"9.9.9.9:853\", \"149.112.112.112:853\"]}\n"+
			"tls: {certificates: [{certificate: %q, key: %q}]}\nadmin: {listen: \"\"}\n"+
			"control: {socket: %q}\npolicy:\n  access: [\"0.0.0.0/0 allow\"]\n  local_zones: "+
			"[{name: ., type: redirect}]\n  local_records: [\". 60 A %s\"]\n", cert, key,
		d.path("quic.control"), byDoQ)))
	n := 0
	answer := func() string {
		n++
		m, err := ask(upstreamOurs, fmt.Sprintf("n%d.preset.", n), dns.TypeA)
		switch {
		case err != nil:
			return err.Error()
		case len(m.Answer) == 0:
			return dns.RcodeToString[m.Rcode]
		}
		return m.Answer[0].(*dns.A).A.String()
	}
	await(t, upstreamOurs, "first.preset.", dns.TypeA, good)
	expect := func(when, want string) {
		t.Helper()
		for range 5 {
			if got := answer(); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
	}
	returns := func(want string) {
		t.Helper()
		eventually(t, want+" answers", func() bool {
			got := answer()
			if got == byPlain {
				t.Fatal("plain DNS was asked")
			}
			return got == want
		})
	}
	expect("all servers are there", byDoT)
	end(t, mortal)
	expect("DoT is closed", byDoH)
	mortal = d.publicUnbound(t, byDoT, 853, wrong, wrongKey)
	expect("DoT has another name", byDoH)
	end(t, mortal)
	mortal = dot()
	returns(byDoT)
	end(t, mortal)
	for _, a := range publicAddrs { // what a firewall swallows
		l, err := net.Listen("tcp", a+":853")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	expect("DoT is silent", byDoH)
	end(t, doh)
	returns(byDoQ)
	expect("DoQ alone is there", byDoQ)
	end(t, quic)
	returns("SERVFAIL")
	expect("no transport is there", "SERVFAIL")
}
