// Stores as operators have them: with certificates and rights, that fail over, that speak the
// protocol of before Redis 6, and clusters.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// Two nodes share what they know by a store that demands a certificate of its clients
// (tls-auth-clients), and where their user has the rights that docs/fleet.md names and no others.
// The store becomes a replica, and the primary again: meanwhile it is read, and then written. One
// that does not know HELLO does as well.
func TestFleetStores(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server", "redis-cli", "openssl"})
		return
	}
	loopback(t)
	world := lab.Internet(time.Now())
	d := folder(t.TempDir())
	f := &fleetOf{t: t, dir: d, bin: build(t, string(d)), world: world, root: listen(t, world)}
	d.issued(t, "tls")
	d.write(t, "secret", strings.Repeat("5a", 32)+"\n")
	d.write(t, "password", "of the fleet\n")
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	rights := strings.Join(strings.Fields(part(t, string(text), "Its user needs `", "`")), " ") +
		" " + part(t, string(text), "for commands\n`", "`") +
		" " + part(t, string(text), "the keys `", "`") +
		" " + part(t, string(text), "the channels `", "`")
	const secure, plain = "127.0.0.1:6380", "127.0.0.1:6381"
	launch(t, "redis-server", d.write(t, "secure.conf", fmt.Sprintf("bind 127.0.0.1\nport 0\n"+
		"tls-port 6380\ntls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\n"+
		"tls-auth-clients yes\nsave \"\"\ndir %s\nuser default off\n"+
		"user admin on nopass allkeys allcommands\nuser bailiwick on \">of the fleet\" %s\n",
		d.path("tls-server.pem"), d.path("tls-server.key"), d.path("tls-ca.pem"), string(d),
		rights)))
	launch(t, "redis-server", "--bind", "127.0.0.1", "--port", "6381", "--save", "", "--dir",
		string(d), "--rename-command", "HELLO", `""`)
	redis := func(args ...string) string {
		out, _ := exec.Command("redis-cli", append([]string{"-p", "6380", "--tls", "--cacert",
			d.path("tls-ca.pem"), "--cert", d.path("tls-client.pem"), "--key",
			d.path("tls-client.key"), "--user", "admin", "--pass", "any", "--no-auth-warning"},
			args...)...).CombinedOutput()
		return strings.TrimSpace(string(out))
	}
	f.until("the store is there", func() bool { return redis("ping") == "PONG" })
	config := func(store, certificate string) string {
		return fmt.Sprintf("fleet: {store: %q, secret_file: %q, user: bailiwick, password_file: "+
			"%q, tls_name: 127.0.0.1, tls_ca: %q%s}\n", store, d.path("secret"),
			d.path("password"), d.path("tls-ca.pem"), certificate)
	}
	own := fmt.Sprintf(", tls_certificate: %q, tls_key: %q", d.path("tls-client.pem"),
		d.path("tls-client.key"))
	f.start(1, config(secure, own))
	f.start(2, config(secure, own))
	f.start(3, config(secure, ""))
	for n := 4; n <= 5; n++ {
		f.start(n, fmt.Sprintf("fleet: {store: %q, secret_file: %q}\n", plain, d.path("secret")))
	}
	f.passes("certificates and rights", 1, 2)
	f.passes("an old protocol", 4, 5)
	f.until("a node without a certificate leaves the store alone", func() bool {
		f.wants(3, wildNames(fmt.Sprintf("bare%dx", time.Now().UnixNano()), 1))
		return f.metric(3, "bailiwick_fleet_store_up") == 0
	})
	if got := redis("replicaof", "127.0.0.1", "1"); got != "OK" {
		t.Fatal(got)
	}
	f.until("a replica refuses records, and is read", func() bool {
		f.wants(1, wildNames(fmt.Sprintf("replica%dx", time.Now().UnixNano()), 1))
		return f.metric(1, `bailiwick_fleet_records_total{outcome="lost"}`) > 0 &&
			f.metric(1, "bailiwick_fleet_store_up") == 1
	})
	if got := redis("replicaof", "no", "one"); got != "OK" {
		t.Fatal(got)
	}
	f.passes("the primary again", 1, 2)
}

// part returns what stands between two texts.
func part(t *testing.T, text, before, behind string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, before)
	part, _, ends := strings.Cut(rest, behind)
	if !found || !ends {
		t.Fatalf("nothing stands between %q and %q", before, behind)
	}
	return part
}

// passes waits until one node has from the store what another has found out.
func (f *fleetOf) passes(when string, from, to int) {
	f.t.Helper()
	round, word := 0, strings.NewReplacer(" ", "-").Replace(when)
	f.until(when+": a node has what another has found out", func() bool {
		about := fmt.Sprintf("%s%dx", word, round)
		round++
		names := wildNames(about, 1)
		written := f.metric(from, `bailiwick_fleet_records_total{outcome="written"}`)
		lost := f.unwritten(from)
		f.wants(from, names)
		f.until("it is written, or is not", func() bool {
			return f.metric(from, `bailiwick_fleet_records_total{outcome="written"}`) > written ||
				f.unwritten(from) > lost
		})
		f.world.Transcript()
		f.wants(to, names)
		return f.asked(about) == 0
	})
}
