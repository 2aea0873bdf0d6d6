// The server: its process, and the configurations that it is given one after the other.

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cacheMemory is so little that it is full within the first minutes.
const cacheMemory = "1MiB"

// process is a server in a process of its own.
type process struct {
	dir, binary string
	world       *world
	cmd         *exec.Cmd
	ended       chan error
	log         *os.File

	plain, tls, https, extra, admin string // addresses

	used, refused int // reloads; of changeAllTheTime

	open   sync.RWMutex // held for reading by who asks the extra listeners
	opened bool         // whether they are there; guarded by open
}

// startProcess starts a server in front of the world and waits until it is ready.
func startProcess(dir, binary string, w *world) (p *process, err error) {
	p = &process{dir: dir, binary: binary, world: w, ended: make(chan error, 1)}
	for _, at := range []*string{&p.plain, &p.tls, &p.https, &p.extra, &p.admin} {
		if *at, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if err := p.certify(); err != nil {
		return nil, err
	}
	if err := p.configure(0, ""); err != nil {
		return nil, err
	}
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(binary, "serve", "--config", p.file())
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := p.get("/readyz"); err == nil {
			return p, nil
		} else if time.Now().After(end) {
			p.kill()
			return nil, fmt.Errorf("the server does not come up: %w\n%s", err, p.findings())
		}
	}
}

// freeAddress returns one of loopback whose port is free over TCP and UDP.
func freeAddress() (string, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		u, busy := net.ListenPacket("udp", l.Addr().String())
		if busy == nil {
			_ = u.Close()
		}
		_ = l.Close()
		if busy == nil {
			return l.Addr().String(), nil
		}
	}
}

func (p *process) file() string { return filepath.Join(p.dir, "bailiwick.yaml") }

// variants are what the configuration has beside the listeners, in turn. Most changes keep the
// cache as it is; those of TTLs empty it.
var variants = []string{
	"",
	"server: {ede: false}\n",
	"policy: {access: ['127.0.0.0/8 snoop']}\n",
	"server: {rotate_answers: false, cookies: false}\n",
	"trust_anchors: {insecure: [elsewhere.test], ANCHORS}\n",
	"resolver: {qname_minimisation: strict, SERVERS}\n",
	"",
	"resolver: {case_randomisation: false, max_aliases: 8, SERVERS}\n",
	"cache: {aggressive_nsec: false, prefetch: false, MEMORY}\n",
	"policy: {access: ['127.0.0.1/32 allow']}\n",
	"cache: {max_ttl: 15s, MEMORY}\nvalidator: {nsec3_iterations: 20}\n",
}

// configure writes the n-th configuration; more is added to it.
func (p *process) configure(n int, more string) error {
	name, addrs := p.world.Roots()
	var hints []string
	for _, a := range addrs {
		hints = append(hints, fmt.Sprintf("{name: %q, address: %q}", name, a))
	}
	extra := ""
	if p.opened {
		extra = fmt.Sprintf(", %q", p.extra)
	}
	text := fmt.Sprintf("listen: {udp: [%q%s], tcp: [%q], dot: [%q%s], doq: [%q], doh: [%q], "+
		"doh3: [%q]}\n", p.plain, extra, p.plain, p.tls, extra, p.tls, p.https, p.https) +
		"tls: {certificates: [{certificate: cert.pem, key: key.pem}]}\n" +
		fmt.Sprintf("admin: {listen: %q}\ncontrol: {socket: ctl}\nlog: {level: error}\n", p.admin) +
		variants[n%len(variants)]
	for _, always := range []struct{ section, name, keys string }{
		{"cache", "MEMORY", "memory: " + cacheMemory},
		{"resolver", "SERVERS", fmt.Sprintf("port: %d, ipv6: 'false', "+
			"do_not_query_localhost: false, root_hints: [%s]", p.world.port,
			strings.Join(hints, ", "))},
		{"trust_anchors", "ANCHORS", fmt.Sprintf("builtin: false, records: [%q]",
			strings.ReplaceAll(p.world.Anchor(), "\t", " "))},
	} {
		if strings.Contains(text, always.name) {
			text = strings.Replace(text, always.name, always.keys, 1)
		} else {
			text += always.section + ": {" + always.keys + "}\n"
		}
	}
	return os.WriteFile(p.file(), []byte(text+more), 0o600)
}

// certify writes a new certificate and its key.
func (p *process) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(p.write("key.pem", "PRIVATE KEY", private),
		p.write("cert.pem", "CERTIFICATE", cert))
}

func (p *process) write(file, kind string, der []byte) error {
	return os.WriteFile(filepath.Join(p.dir, file),
		pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// change is the time between two configurations.
const change = 20 * time.Second

// changeAllTheTime gives the server configuration after configuration until ctx ends: by SIGHUP
// and by ctl in turn, with and without the extra listeners for a minute each, with a new
// certificate every minute, and with one that has an error now and then. It returns an error if a
// reload was not what it should have been.
func (p *process) changeAllTheTime(ctx context.Context) error {
	const minute = int(time.Minute / change)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(change):
		}
		if n%minute == 0 {
			if err := p.certify(); err != nil {
				return err
			}
		}
		wantExtra := n/minute%2 == 0
		p.open.RLock()
		same := p.opened == wantExtra || mistaken(n) // a refused change opens nothing
		p.open.RUnlock()
		if !same {
			p.open.Lock() // nobody asks them meanwhile
			p.opened = wantExtra
		}
		err := p.apply(n)
		if !same {
			p.open.Unlock()
		}
		if err != nil {
			return fmt.Errorf("change %d: %w", n, err)
		}
	}
}

// mistaken reports whether the n-th change has an error, between two good ones.
func mistaken(n int) bool { return n%7 == 5 }

// mistake is a key that there is not.
const mistake = "no_such_section"

// apply makes the n-th change and waits until it is in use, or refused if it should be.
func (p *process) apply(n int) error {
	more, outcome, count := "", "used", &p.used
	if mistaken(n) {
		more, outcome, count = mistake+": {}\n", "refused", &p.refused
	}
	if err := p.configure(n, more); err != nil {
		return err
	}
	if n%2 == 0 {
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return err
		}
	} else {
		out, err := exec.Command(p.binary, "ctl", "--socket", filepath.Join(p.dir, "ctl"),
			"reload").CombinedOutput()
		if (err != nil) != (outcome == "refused") {
			return fmt.Errorf("ctl reload: %w\n%s", err, out)
		}
	}
	*count++
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		m, err := p.get("/metrics")
		if err == nil && metric(m, "bailiwick_config_reloads_total{outcome=\""+outcome+"\"}") ==
			float64(*count) {
			break
		} else if time.Now().After(end) {
			return errors.Join(fmt.Errorf("it was not %s within a minute", outcome), err)
		}
	}
	if more == "" {
		return nil
	}
	return p.configure(n, "")
}

// whileExtra runs ask while the extra listeners are there, and else after.
func (p *process) whileExtra(ask, after func()) {
	p.open.RLock()
	defer p.open.RUnlock()
	if p.opened {
		ask()
	} else {
		after()
	}
}

// end ends the server in an orderly way, and returns an error if it was not.
func (p *process) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(time.Minute):
		return errors.New("it goes on a minute after SIGTERM")
	}
}

// kill ends the server.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.log.Close()
}

// bad is what no log has: an error, a panic, a data race.
var bad = regexp.MustCompile(`level=ERROR|^panic:|DATA RACE|^fatal error`)

// findings returns what is bad in the server's log, with the lines that follow. That it refuses a
// mistake is not.
func (p *process) findings() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if bad.MatchString(l) && !strings.Contains(l, mistake) {
			return strings.Join(lines[i:min(len(lines), i+60)], "\n")
		}
	}
	return ""
}
