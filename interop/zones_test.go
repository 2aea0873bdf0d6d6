// Copies of zones from real primaries: NSD, Knot DNS and BIND, with TSIG, changes, NOTIFY and TLS.

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var zonePrograms = []string{"ip", "unshare", "nsd", "knotd", "knotc", "named", "nsupdate",
	"openssl"}

// Where the primaries listen in the namespace of this test.
const (
	nsdPrimary  = "127.0.0.2"
	knotPrimary = "127.0.0.3"
	bindPrimary = "127.0.0.4"
)

// The TSIG key of all transfers.
const (
	tsigName   = "transfer.key"
	tsigSecret = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBvY3RldHMuLi4="
)

func TestZones(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, zonePrograms)
		return
	}
	w := startPrimaries(t)
	t.Run("NSD", w.largeZone)
	t.Run("Knot DNS", w.signedZone)
	t.Run("BIND over TLS", w.overTLS)
}

// primaries are the three, and Bailiwick with a copy of a zone of each.
type primaries struct {
	transports
}

// simpleZone is the file of a zone without further records.
func simpleZone(name string) string {
	return fmt.Sprintf("%[1]s. 60 IN SOA ns.%[1]s. host.%[1]s. 1 3600 600 86400 60\n"+
		"%[1]s. 60 IN NS ns.%[1]s.\nns.%[1]s. 60 IN A 127.0.0.1\nwww.%[1]s. 60 IN A 192.0.2.80\n",
		name)
}

// manyRecords is how many records NSD's zone has: enough for more than 100 messages, of which NSD
// signs every 96th.
const manyRecords = 10000

func startPrimaries(t *testing.T) *primaries {
	t.Helper()
	w := &primaries{transports{folder: folder(t.TempDir())}}
	w.bin, w.cert, w.key = build(t, string(w.folder)), w.path("cert.pem"), w.path("key.pem")
	loopback(t)
	run(t, "ip", "addr", "add", bindPrimary+"/32", "dev", "lo") // BIND looks at interfaces
	w.makeCertificate(t, 1)
	w.startNSD(t)
	w.startKnot(t)
	w.startBIND(t)
	for at, zone := range map[string]string{nsdPrimary: "nsd.test.", knotPrimary: "knot.test.",
		bindPrimary: "bind.test."} {
		await(t, at+":53", zone, dns.TypeSOA, func(m *dns.Msg) bool { return len(m.Answer) > 0 })
	}
	start(t, w.bin, "serve", "--config", w.write(t, "zones.yaml", fmt.Sprintf(`listen:
  udp: ["127.0.0.1:%d"]
  tcp: ["127.0.0.1:%d"]
admin: {listen: ""}
control: {socket: %q}
trust_anchors: {insecure: [test]}
zones:
  tsig_keys: [{name: %s, secret: %q}]
  held:
    - {name: nsd.test, primaries: [%s], tsig: %s, fallback: no}
    - {name: knot.test, primaries: [%s], tsig: %s, fallback: no, zonemd: required,
       notify_from: [127.0.0.1]}
    - {name: bind.test, primaries: [%s], tsig: %s, fallback: no, tls_name: localhost, tls_ca: %q,
       notify_from: [127.0.0.1]}
`, plainPort, plainPort, w.path("ctl"), tsigName, tsigSecret, nsdPrimary, tsigName, knotPrimary,
		tsigName, bindPrimary, tsigName, w.cert)))
	return w
}

// startNSD starts NSD with a zone that takes many messages.
func (w *primaries) startNSD(t *testing.T) {
	t.Helper()
	text := simpleZone("nsd.test")
	var b strings.Builder
	for i := range manyRecords {
		fmt.Fprintf(&b, "t%d.nsd.test. 60 IN TXT %s\n", i, strings.Repeat("x", 200))
	}
	w.write(t, "nsd.zone", text+b.String())
	start(t, "nsd", "-d", "-c", w.write(t, "nsd.conf", fmt.Sprintf("server:\n  ip-address: %s\n"+
		"  username: \"\"\n  zonesdir: %q\n  database: \"\"\n  pidfile: \"\"\n  xfrdfile: \"\"\n"+
		"  zonelistfile: %q\nremote-control:\n  control-enable: no\nkey:\n  name: %s\n"+
		"  algorithm: hmac-sha256\n  secret: %q\nzone:\n  name: nsd.test\n  zonefile: nsd.zone\n"+
		"  provide-xfr: 127.0.0.1 %s\n", nsdPrimary, w.folder, w.path("nsd.list"), tsigName,
		tsigSecret, tsigName)))
}

// startKnot starts Knot DNS with a zone that it signs, and that gets a digest.
func (w *primaries) startKnot(t *testing.T) {
	t.Helper()
	w.write(t, "knot.zone", simpleZone("knot.test"))
	if err := os.Mkdir(w.path("knot.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, "knotd", "-c", w.write(t, "knot.conf", fmt.Sprintf("server:\n    rundir: %q\n"+
		"    listen: %s@53\nlog:\n  - target: stderr\n    any: info\ndatabase:\n    storage: %q\n"+
		"key:\n  - id: %s\n    algorithm: hmac-sha256\n    secret: %s\n"+
		"remote:\n  - id: copy\n    address: 127.0.0.1@%d\n    key: %s\n"+
		"acl:\n  - id: transfers\n    key: %s\n    action: transfer\n"+
		"zone:\n  - domain: knot.test\n    storage: %q\n    file: knot.zone\n    acl: transfers\n"+
		"    notify: copy\n    dnssec-signing: on\n    zonemd-generate: zonemd-sha512\n",
		w.folder, knotPrimary, w.path("knot.db"), tsigName, tsigSecret, plainPort, tsigName,
		tsigName, w.folder)))
}

// startBIND starts BIND, which gives its zone away over TLS alone, and takes updates.
func (w *primaries) startBIND(t *testing.T) {
	t.Helper()
	w.write(t, "bind.zone", simpleZone("bind.test"))
	start(t, "named", "-f", "-4", "-n", "1", "-c", w.write(t, "named.conf", fmt.Sprintf(
		"key %q { algorithm hmac-sha256; secret %q; };\ntls own { cert-file %q; key-file %q; };\n"+
			"options { directory %q; listen-on { %s; }; listen-on port 853 tls own { %s; }; "+
			"listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none; "+
			"dnssec-validation no; };\ncontrols { };\nzone \"bind.test\" { type primary; "+
			"file \"bind.zone\"; allow-update { 127.0.0.0/8; }; notify explicit; "+
			"also-notify { 127.0.0.1 port %d; }; "+
			"allow-transfer port 853 transport tls { key %q; }; };\n",
		tsigName, tsigSecret, w.cert, w.key, w.folder, bindPrimary, bindPrimary, plainPort,
		tsigName)))
}

// heldZone is what `ctl zones` tells of a zone.
type heldZone struct {
	Zone, State, Problem, Zonemd string
	Serial, Records              int
}

// status returns how it is with a zone; nothing while the server is not there.
func (w *primaries) status(t *testing.T, zone string) (z heldZone) {
	t.Helper()
	var all struct{ Rows []heldZone }
	out := run(t, w.bin, "ctl", "-s", w.path("ctl"), "--json", "zones")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return z
	}
	for _, z := range all.Rows {
		if z.Zone == zone {
			return z
		}
	}
	t.Fatalf("no zone %s: %s", zone, out)
	return z
}

// awaitZone waits for a state of a zone.
func (w *primaries) awaitZone(t *testing.T, zone, what string, good func(heldZone) bool) heldZone {
	t.Helper()
	var z heldZone
	defer func() {
		if t.Failed() {
			t.Logf("%s: %+v", zone, z)
		}
	}()
	eventually(t, zone+" is "+what, func() bool {
		z = w.status(t, zone)
		return good(z)
	})
	return z
}

func usable(z heldZone) bool { return z.State == "usable" }

// answers asks Bailiwick for an address.
func answers(t *testing.T, name, want string) {
	t.Helper()
	m, err := ask(fmt.Sprintf("127.0.0.1:%d", plainPort), name, dns.TypeA)
	if err != nil || len(m.Answer) == 0 || !strings.HasSuffix(m.Answer[0].String(), want) ||
		m.Authoritative {
		t.Errorf("%s: %v, %v", name, m, err)
	}
}

// largeZone is a transfer of more than 100 messages, most of which have no TSIG of their own.
func (w *primaries) largeZone(t *testing.T) {
	z := w.awaitZone(t, "nsd.test.", "usable", usable)
	if z.Records != manyRecords+4 {
		t.Errorf("%+v", z)
	}
	answers(t, "www.nsd.test.", "192.0.2.80")
}

// signedZone is a zone whose digest Knot DNS makes anew with each change. NOTIFY brings the change.
func (w *primaries) signedZone(t *testing.T) {
	before := w.awaitZone(t, "knot.test.", "usable", usable)
	if before.Zonemd != "right" {
		t.Errorf("%+v", before)
	}
	answers(t, "www.knot.test.", "192.0.2.80")
	for _, command := range []string{"zone-begin knot.test",
		"zone-set knot.test more 60 A 192.0.2.81", "zone-commit knot.test"} {
		run(t, "knotc", append([]string{"-c", w.path("knot.conf")},
			strings.Fields(command)...)...)
	}
	after := w.awaitZone(t, "knot.test.", "changed", func(z heldZone) bool {
		return z.Serial > before.Serial
	})
	if after.Zonemd != "right" || after.Problem != "-" {
		t.Errorf("%+v", after)
	}
	answers(t, "more.knot.test.", "192.0.2.81")
}

// overTLS is a zone that comes over TLS alone, and its changes.
func (w *primaries) overTLS(t *testing.T) {
	before := w.awaitZone(t, "bind.test.", "usable", usable)
	answers(t, "www.bind.test.", "192.0.2.80")
	cmd := exec.Command("nsupdate")
	cmd.Stdin = strings.NewReader("server " + bindPrimary + "\nzone bind.test\n" +
		"update add more.bind.test. 60 A 192.0.2.82\nsend\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nsupdate: %v\n%s", err, out)
	}
	w.awaitZone(t, "bind.test.", "changed", func(z heldZone) bool {
		return z.Serial > before.Serial && z.Problem == "-"
	})
	answers(t, "more.bind.test.", "192.0.2.82")
}
