// bailiwick check against zones that BIND, NSD and Knot DNS serve: right ones, in which nothing may
// be found, and broken ones.

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The servers: BIND has the root and test.; each checked zone is on NSD, Knot DNS and BIND, unless
// it says otherwise. Knot and BIND have one more address each, for zones that they sign themselves.
const (
	checkParent = "10.54.0.1"
	checkNSD    = "10.54.0.2"
	checkKnot   = "10.54.0.3"
	checkBIND   = "10.54.0.4"
	checkKnot2  = "10.54.0.5"
	checkBIND2  = "10.54.0.6"
	checkNoTCP  = "10.54.0.7" // a way to NSD over UDP alone
	checkSmall  = "10.54.0.8" // a way to NSD that loses UDP packets above 1,232 octets
	checkTLS    = "10.54.0.9" // a service with TLS
	checkNSD6   = "fd54::2"
)

// checkedZone is a zone, and what has to be found, of every severity.
type checkedZone struct {
	name string
	want []string
	sign []string // options of dnssec-signzone; nil: it is not signed
	keys []string // options of dnssec-keygen for its one key; nil: ECDSA P-256
	more string   // records besides those that all have
	// ns are the addresses of its servers; nil: all three. above are those that the parent has
	// instead, and noGlue leaves their addresses out.
	ns, above []string
	noGlue    bool
	noDS      bool
	wrongDS   bool
	six       string                     // further address of the first server, of IPv6
	by        string                     // who signs it by itself: knot or bind
	change    func(signed string) string // before it is served
	stale     bool                       // NSD has another serial
	args      []string
}

var signedNow = []string{"-s", "now-1d", "-e", "now+20d"}

// cut removes the lines that match.
func cut(pattern string) func(string) string {
	re := regexp.MustCompile(`(?m)^` + pattern + `.*\n`)
	return func(s string) string { return re.ReplaceAllString(s, "") }
}

var checkedZones = []checkedZone{
	{name: "nsec", sign: signedNow, args: []string{"--names", "www,x.wild,a.b.ent,alias,x.tree"}},
	{name: "nsec3", sign: append(slices.Clone(signedNow), "-3", "-", "-H", "0"),
		args: []string{"--names", "www,x.wild,a.b.ent,alias,x.tree"}},
	{name: "wild", sign: append(slices.Clone(signedNow), "-3", "-"), more: "* TXT all\n",
		args: []string{"--names", "x/TXT,www,y.z/TXT"}},
	{name: "rsa", sign: signedNow, keys: []string{"-a", "RSASHA256", "-b", "2048"}},
	{name: "ed", sign: signedNow, keys: []string{"-a", "ED25519"}},
	{name: "knotsigned", by: "knot", ns: []string{checkKnot, checkKnot2}},
	{name: "bindsigned", by: "bind", ns: []string{checkBIND, checkBIND2}},
	{name: "sixes", sign: signedNow, six: checkNSD6},
	{name: "given", sign: signedNow, args: []string{"--server", checkNSD, "--server",
		"ns2.given.test=" + checkKnot, "--no-parent", "--dnskey", "KEY"}},
	{name: "tlsa", sign: signedNow, more: "_443._tcp.www TLSA 3 1 1 SPKI\n",
		args: []string{"--tlsa", "_443._tcp.www=" + checkTLS + ":443"}},

	{name: "noroute", want: []string{"server-not-asked"}, sign: signedNow, six: "fd55::2"},
	{name: "unsigned", want: []string{"unsigned"}},
	{name: "nods", want: []string{"ds-absent"}, sign: signedNow, noDS: true},
	{name: "stale", want: []string{"serial-differs"}, sign: signedNow, stale: true},
	{name: "expired", want: []string{"signature-expired"},
		sign: []string{"-P", "-s", "now-30d", "-e", "now-1d"}},
	{name: "soon", want: []string{"signature-expires-soon"},
		sign: []string{"-s", "now-20d", "-e", "now+1d"}},
	{name: "future", want: []string{"signature-future"},
		sign: []string{"-P", "-s", "now+2d", "-e", "now+20d"}},
	{name: "mismatch", want: []string{"ds-mismatch"}, sign: signedNow, wrongDS: true},
	{name: "proposed", want: []string{"ds-mismatch", "ds-pending"}, sign: signedNow,
		args: []string{"--ds", "1 13 2 " + strings.Repeat("00", 32)}},
	{name: "notcp", want: []string{"tcp-unanswered"}, sign: signedNow,
		ns: []string{checkKnot, checkNoTCP}},
	{name: "large", want: []string{"large-udp-lost"}, sign: signedNow,
		keys: []string{"-a", "RSASHA256", "-b", "4096"}, ns: []string{checkKnot, checkSmall},
		more: "DUMMYKEYS\n"},
	{name: "noglue", want: []string{"glue-missing"}, sign: signedNow, noGlue: true},
	{name: "lame", want: []string{"server-lame"}, sign: signedNow,
		ns: []string{checkNSD, checkKnot, checkBIND2}},
	{name: "iterated", want: []string{"nsec3-iterations", "nsec3-salt"},
		sign: append(slices.Clone(signedNow), "-3", "aabb", "-H", "10")},
	{name: "optout", want: []string{"nsec3-opt-out"},
		sign: append(slices.Clone(signedNow), "-3", "-", "-A"),
		args: []string{"--names", "www,x.wild,a.b.ent"}},
	{name: "cds", want: []string{"cds-breaks", "cds-no-key"}, sign: signedNow,
		more: "@ CDS 1 13 2 " + strings.Repeat("00", 32) + "\n"},
	{name: "cdsdelete", want: []string{"cds-delete"}, sign: signedNow,
		more: "@ CDS 0 0 0 00\n@ CDNSKEY 0 3 0 AA==\n"},
	{name: "nodenial", want: []string{"denial-missing"}, sign: signedNow,
		ns: []string{checkNSD, checkKnot}, args: []string{"--names", "x.wild"},
		change: cut(`\S*\s+\d+\s+(IN\s+)?(NSEC|RRSIG\s+NSEC)\s`)},
	{name: "nosig", want: []string{"signature-missing"}, sign: signedNow,
		args:   []string{"--names", "www"},
		ns:     []string{checkNSD, checkKnot},
		change: cut(`www\.\S*\s+\d+\s+(IN\s+)?RRSIG\s+A\s`)},
	{name: "damaged", want: []string{"signature-invalid"}, sign: signedNow,
		args: []string{"--names", "www"}, change: func(s string) string {
			return strings.ReplaceAll(s, "192.0.2.80", "192.0.2.81")
		}},
	{name: "nsdiff", want: []string{"ns-parent-only", "ns-child-only"}, sign: signedNow,
		ns: []string{checkNSD, checkKnot}, above: []string{checkNSD, checkBIND}},
	{name: "tlsawrong", want: []string{"tlsa-mismatch"}, sign: signedNow,
		more: "_443._tcp.www TLSA 3 1 1 " + strings.Repeat("00", 32) + "\n",
		args: []string{"--tlsa", "_443._tcp.www=" + checkTLS + ":443"}},
}

func TestCheck(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named", "dnssec-signzone", "dnssec-keygen",
			"dnssec-dsfromkey", "nsd", "knotd", "keymgr"})
		return
	}
	w := &checkWorld{t: t, folder: folder(t.TempDir())}
	w.start()
	bin := build(t, string(w.folder))
	for _, z := range checkedZones {
		t.Run(z.name, func(t *testing.T) { w.check(t, bin, &z) })
	}
}

// checkWorld are the servers of the checked zones.
type checkWorld struct {
	t *testing.T
	folder
	spki   string
	anchor string
}

// run runs a tool of a name server and returns what it prints.
func (w *checkWorld) run(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = string(w.folder)
	out, err := cmd.Output()
	if err != nil {
		detail := ""
		if e, ok := err.(*exec.ExitError); ok {
			detail = string(e.Stderr)
		}
		w.t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, detail)
	}
	return strings.TrimSpace(string(out))
}

// serve starts a server that ends with the test.
func (w *checkWorld) serve(name string, args ...string) {
	w.t.Helper()
	log, err := os.Create(w.path(name + fmt.Sprint(time.Now().UnixNano()) + ".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = string(w.folder), log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && w.t.Failed() {
			w.t.Logf("%s: %.3000s", name, text)
		}
	})
}

// start makes all zones and starts all servers.
func (w *checkWorld) start() {
	t := w.t
	loopback(t)
	for n := 1; n <= 9; n++ {
		w.run("ip", "addr", "add", fmt.Sprintf("10.54.0.%d/32", n), "dev", "lo")
	}
	w.run("ip", "addr", "add", checkNSD6+"/128", "dev", "lo", "nodad")
	for _, d := range []string{"nsd", "knot", "bind", "auto"} {
		if err := os.Mkdir(w.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.service()
	var nsd, knot, bind, parent strings.Builder
	for i := range checkedZones {
		z := &checkedZones[i]
		w.zone(z)
		fmt.Fprintf(&nsd, "zone:\n  name: %s.test\n  zonefile: nsd/%s\n", z.name, z.name)
		switch z.by {
		case "":
			fmt.Fprintf(&knot, "  - domain: %s.test\n    file: %s\n", z.name,
				w.path("knot/"+z.name))
			if z.name != "lame" {
				fmt.Fprintf(&bind, "zone %q { type primary; file %q; };\n", z.name+".test",
					w.path("bind/"+z.name))
			}
		case "knot":
			fmt.Fprintf(&knot, "  - domain: %s.test\n    file: %s\n    dnssec-signing: on\n"+
				"    dnssec-policy: own\n", z.name, w.path("knot/"+z.name))
		case "bind":
			fmt.Fprintf(&bind, "zone %q { type primary; file %q; dnssec-policy default; "+
				"inline-signing yes; key-directory %q; };\n", z.name+".test",
				w.path("bind/"+z.name), w.path("auto"))
		}
	}
	w.startNSD(nsd.String())
	w.startKnot(knot.String())
	w.startBIND("child", bind.String(), checkBIND, checkBIND2)
	w.relays()
	w.own()
	for i := range checkedZones {
		parent.WriteString(w.delegation(&checkedZones[i]))
	}
	w.startParent(parent.String())
}

// addresses returns the addresses of a zone's servers.
func (z *checkedZone) addresses() []string {
	if z.ns != nil {
		return z.ns
	}
	return []string{checkNSD, checkKnot, checkBIND}
}

// nsName returns the name of the server with an address: ns3 for 10.54.0.3.
func nsName(a string) string { return "ns" + a[len(a)-1:] }

// zone writes a zone for all servers, signed unless its server signs it.
func (w *checkWorld) zone(z *checkedZone) {
	text := fmt.Sprintf("$ORIGIN %s.test.\n$TTL 300\n@ SOA ns2 hostmaster 2 3600 600 86400 60\n",
		z.name)
	for n := 2; n <= 8; n++ {
		text += fmt.Sprintf("ns%d A 10.54.0.%d\n", n, n)
	}
	for _, a := range z.addresses() {
		text += "@ NS " + nsName(a) + "\n"
	}
	if z.six != "" {
		text += "ns2 AAAA " + z.six + "\n"
	}
	text += "@ MX 10 mail\nmail A 192.0.2.25\nwww A 192.0.2.80\nwww AAAA 2001:db8::80\n" +
		"alias CNAME www\n*.wild A 192.0.2.99\na.b.c.ent A 192.0.2.7\na.b.ent A 192.0.2.7\n" +
		"tree DNAME forest\nx.forest A 192.0.2.8\n" +
		strings.NewReplacer("SPKI", w.spki, "DUMMYKEYS\n", "").Replace(z.more)
	signed := text
	if z.sign != nil {
		signed = w.signed(z, text)
	}
	if z.change != nil {
		before := signed
		if signed = z.change(signed); signed == before {
			w.t.Fatalf("%s: the change changes nothing", z.name)
		}
	}
	for _, d := range []string{"nsd", "knot", "bind"} {
		here := signed
		if z.stale && d == "nsd" {
			here = w.signed(z, strings.Replace(text, "hostmaster 2", "hostmaster 1", 1))
		}
		w.write(w.t, filepath.Join(d, z.name), here)
	}
}

// signed signs a zone with a key of its own, and returns its text.
func (w *checkWorld) signed(z *checkedZone, text string) string {
	name := z.name + ".test"
	if w.keyOf(name) == "" {
		options := z.keys
		if options == nil {
			options = []string{"-a", "ECDSAP256SHA256"}
		}
		keys := 1
		if strings.Contains(z.more, "DUMMYKEYS") {
			keys = 2 // a large DNSKEY set
		}
		for range keys {
			w.run("dnssec-keygen", append(append([]string{"-q", "-f", "KSK"}, options...),
				name)...)
		}
	}
	w.write(w.t, "unsigned", text)
	args := append([]string{"-q", "-z", "-o", name, "-S", "-K", ".", "-N", "keep", "-O", "full",
		"-f", "signed"}, z.sign...)
	w.run("dnssec-signzone", append(args, "unsigned")...)
	out, err := os.ReadFile(w.path("signed"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(out)
}

// keyOf returns the file of a zone's key, without its end; "" if there is none.
func (w *checkWorld) keyOf(zone string) string {
	found, _ := filepath.Glob(w.path("K" + zone + ".+*.key")) // the pattern is well formed
	if len(found) == 0 {
		return ""
	}
	return strings.TrimSuffix(found[0], ".key")
}

// delegation returns the records of a zone in its parent.
func (w *checkWorld) delegation(z *checkedZone) (text string) {
	above := z.above
	if above == nil {
		above = z.addresses()
	}
	for i, a := range above {
		text += fmt.Sprintf("%s NS %s.%s\n", z.name, nsName(a), z.name)
		if !z.noGlue || i > 0 {
			text += fmt.Sprintf("%s.%s A %s\n", nsName(a), z.name, a)
		}
	}
	if z.six != "" {
		text += fmt.Sprintf("ns2.%s AAAA %s\n", z.name, z.six)
	}
	switch {
	case z.noDS:
	case z.by != "":
		for _, k := range w.served(z) {
			text += k.ToDS(dns.SHA256).String() + "\n"
		}
	case z.sign != nil:
		ds := w.run("dnssec-dsfromkey", "-2", w.keyOf(z.name+".test"))
		if z.wrongDS {
			ds = ds[:len(ds)-8] + "00000000"
		}
		text += ds + "\n"
	}
	return text
}

// served returns the entry keys of a zone that its server signs.
func (w *checkWorld) served(z *checkedZone) (keys []*dns.DNSKEY) {
	m, err := ask(z.ns[0]+":53", z.name+".test.", dns.TypeDNSKEY)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rr := range m.Answer {
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags&dns.SEP != 0 {
			keys = append(keys, k)
		}
	}
	return keys
}

func (w *checkWorld) startNSD(zones string) {
	w.write(w.t, "nsd.conf", fmt.Sprintf("server:\n  ip-address: %s\n  ip-address: %s\n"+
		"  username: \"\"\n  zonesdir: %q\n  database: \"\"\n  pidfile: \"\"\n  xfrdfile: \"\"\n"+
		"  zonelistfile: %q\n  rrl-ratelimit: 0\n  ipv4-edns-size: 4096\n  verbosity: 0\n"+
		"remote-control:\n  control-enable: no\n%s", checkNSD, checkNSD6, string(w.folder),
		w.path("zone.list"), zones))
	w.serve("nsd", "-d", "-c", "nsd.conf")
}

func (w *checkWorld) startKnot(zones string) {
	w.write(w.t, "knot.conf", fmt.Sprintf("server:\n  rundir: %q\n  listen: [ %s@53, %s@53 ]\n"+
		"log:\n  - target: stderr\n    any: error\ndatabase:\n  storage: %q\npolicy:\n"+
		"  - id: own\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"+
		"    cds-cdnskey-publish: always\ntemplate:\n  - id: default\n    zonefile-sync: -1\n"+
		"    journal-content: none\nzone:\n%s", string(w.folder), checkKnot, checkKnot2,
		w.path("auto"), zones))
	w.serve("knotd", "-c", "knot.conf")
}

// startBIND starts a BIND of its own for some addresses.
func (w *checkWorld) startBIND(name, zones string, at ...string) {
	w.write(w.t, name+".conf", fmt.Sprintf("options { directory %q; listen-on { %s; }; "+
		"listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none; "+
		"dnssec-validation no; check-integrity no; };\ncontrols { };\n%s", string(w.folder),
		strings.Join(at, "; "), zones))
	w.serve("named", "-f", "-4", "-n", "1", "-c", w.path(name+".conf"))
}

// startParent signs and serves test. and the root.
func (w *checkWorld) startParent(delegations string) {
	soa := func(zone, ns string) string {
		return fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n"+
			"@ NS %s\n%s A %s\n", zone, ns, ns, checkParent)
	}
	sign := func(zone, text string) (key string) {
		w.run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone)
		w.write(w.t, "parent", text)
		w.run("dnssec-signzone", "-q", "-z", "-o", zone, "-S", "-K", ".", "-N", "keep", "-f",
			"signed."+zone, "parent")
		return w.keyOf(strings.TrimSuffix(zone, "."))
	}
	key := sign("test.", soa("test.", "ns")+delegations)
	root := soa(".", "a.root.") + "test. NS ns.test.\nns.test. A " + checkParent + "\n" +
		w.run("dnssec-dsfromkey", "-2", key) + "\n"
	anchor := sign(".", root)
	w.anchor = anchor + ".key"
	w.startBIND("above", fmt.Sprintf("zone \".\" { type primary; file %q; };\n"+
		"zone \"test\" { type primary; file %q; };\n", w.path("signed.."),
		w.path("signed.test.")), checkParent)
	await(w.t, checkParent+":53", "nsec.test.", dns.TypeDS, func(m *dns.Msg) bool {
		return len(m.Answer) > 0
	})
	w.write(w.t, "hints", fmt.Sprintf(". 300 NS a.root.\na.root. 300 A %s\n", checkParent))
	w.write(w.t, "check.yaml", "resolver: {ipv6: \"false\", root_hints_file: hints}\n")
}

// own waits until all servers have their zones.
func (w *checkWorld) own() {
	for i := range checkedZones {
		z := &checkedZones[i]
		for _, a := range z.addresses() {
			if z.name == "lame" && a == checkBIND2 {
				continue
			}
			t := dns.TypeSOA
			if z.by != "" {
				t = dns.TypeDNSKEY
			}
			await(w.t, a+":53", z.name+".test.", t, func(m *dns.Msg) bool {
				return len(m.Answer) > 0 || m.Truncated
			})
		}
	}
}

// relays are ways to NSD that lose something.
func (w *checkWorld) relays() {
	for at, largest := range map[string]int{checkNoTCP: 65535, checkSmall: 1232} {
		pc, err := net.ListenPacket("udp", at+":53")
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = pc.Close() })
		go relay(pc, largest)
	}
	l, err := net.Listen("tcp", checkSmall+":53")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go splice(c)
		}
	}()
}

// relay passes packets to NSD and its replies back, unless they are too large.
func relay(pc net.PacketConn, largest int) {
	buf := make([]byte, 65535)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		query := slices.Clone(buf[:n])
		go func() {
			c, err := net.Dial("udp", checkNSD+":53")
			if err != nil {
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := c.Write(query); err != nil {
				return
			}
			reply := make([]byte, 65535)
			if n, err := c.Read(reply); err == nil && n <= largest {
				_, _ = pc.WriteTo(reply[:n], from) // who asks has gone otherwise
			}
		}()
	}
}

// splice passes one question over TCP to NSD, and its reply back.
func splice(c net.Conn) {
	defer c.Close()
	there, err := net.Dial("tcp", checkNSD+":53")
	if err != nil {
		return
	}
	defer there.Close()
	for _, way := range []struct{ from, to net.Conn }{{c, there}, {there, c}} {
		m, err := (&dns.Conn{Conn: way.from}).ReadMsg()
		if err != nil || (&dns.Conn{Conn: way.to}).WriteMsg(m) != nil {
			return
		}
	}
}

// service starts a service with TLS.
func (w *checkWorld) service() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{
		"www.tlsa.test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.spki = fmt.Sprintf("%x", sha256.Sum256(spki))
	l, err := tls.Listen("tcp", checkTLS+":443", &tls.Config{Certificates: []tls.Certificate{
		{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake() // the certificate is all that it is for
				_ = c.Close()
			}()
		}
	}()
}

// check runs the command on a zone and compares what it finds.
func (w *checkWorld) check(t *testing.T, bin string, z *checkedZone) {
	args := append([]string{"check", z.name + ".test", "--config", w.path("check.yaml"),
		"--anchor", w.anchor, "--format", "json", "--timeout", "1s"}, z.args...)
	for i, a := range args {
		if a == "KEY" {
			args[i] = w.keyOf(z.name+".test") + ".key"
		}
	}
	cmd := exec.Command(bin, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var report struct {
		Result   string
		Errors   int
		Servers  []string
		Findings []struct {
			ID, Message string
			Servers     []string
			Questions   []string
		}
	}
	if e := json.Unmarshal(out, &report); e != nil {
		t.Fatalf("%v: %v %v\n%s%s", args, err, e, out, stderr.String())
	}
	var got []string
	for _, f := range report.Findings {
		if !slices.Contains(got, f.ID) {
			got = append(got, f.ID)
		}
	}
	want := slices.Clone(z.want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || (err != nil) != (report.Errors > 0) {
		t.Errorf("found %v, want %v; %v\n%+v", got, want, err, report)
	}
	servers := len(z.addresses())
	if z.six != "" {
		servers++
	}
	if z.above == nil && z.args == nil && len(report.Servers) != servers {
		t.Errorf("asked %v, want %d servers", report.Servers, servers)
	}
}
