// A day in the life of a server, with real processes and sockets: configurations, certificates and
// anchors change under load, the server is restarted, and a new program takes over. Others lost
// queries when they were reloaded or restarted (github.com/coredns/coredns/issues/1666,
// github.com/miekg/dns/pull/713).

package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/internal/lab"
	"bailiwick/transport"
)

const (
	dayDNS   = "127.0.0.1:5310"
	dayTLS   = "127.0.0.1:5311" // DoT, and DoQ
	dayHTTPS = "127.0.0.1:5313" // HTTP/2, and HTTP/3
	dayAdmin = "127.0.0.1:5312"
	// dayNames is how many names the clients ask for.
	dayNames = 800
	// dayRate is how many queries come in a second over UDP.
	dayRate = 2000
)

// day is the server with its files and its internet.
type day struct {
	t     *testing.T
	dir   folder
	world *lab.World
	cmd   *exec.Cmd
}

// TestDayInTheLife runs in a network namespace of its own, for some forty seconds.
func TestDayInTheLife(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"unshare", "ip"})
		return
	}
	loopback(t)
	d := &day{t: t, dir: folder(t.TempDir()), world: lab.New(time.Now())}
	build(t, string(d.dir))
	var records strings.Builder
	for i := range dayNames {
		fmt.Fprintf(&records, "www%d A 192.0.2.%d;;", i, i%250)
	}
	d.world.Add(lab.Zone{Name: "example.", TTL: 3600})
	d.world.Add(lab.Zone{Name: "elsewhere."})
	d.world.Add(lab.Zone{Name: "store.example.", TTL: 3600, Records: records.String()})
	listen(t, d.world)
	d.certify(0)
	d.configure(0)
	defer d.kill()
	d.start()

	c := d.gather()
	d.reloads(50)
	c.leave(t, "50 reloads")
	d.restart()
	c = d.gather()
	d.upgrade()
	c.leave(t, "an upgrade")
}

// configure writes the configuration of one of many states, which differ in forward zones, anchors,
// access, and the size of the caches.
func (d *day) configure(i int) {
	name, addrs := d.world.Roots()
	d.dir.write(d.t, "hints", fmt.Sprintf(". 300 NS %s\n%s 300 A %s\n", name, name, addrs[0]))
	anchors := []string{d.world.Anchor()}
	if i%2 == 1 {
		anchors = append(anchors, d.world.AnchorOf("elsewhere."))
	}
	list, err := json.Marshal(anchors)
	if err != nil {
		d.t.Fatal(err)
	}
	forward := ""
	if i%3 == 1 {
		forward = fmt.Sprintf(", forward_zones: [{name: corp%d.elsewhere, addresses: "+
			"[\"127.0.0.9\"], insecure: true}]", i)
	}
	access := ""
	if i%4 > 1 {
		access = fmt.Sprintf(", \"10.%d.0.0/16 allow\"", i)
	}
	d.dir.write(d.t, "bailiwick.yaml", fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q], dot: [%q], "+
		"doq: [%[2]q], doh: [%[3]q], doh3: [%[3]q]}\nadmin: {listen: %[4]q}\n"+
		"control: {socket: control.sock}\nstate: {directory: state}\n"+
		"tls: {certificates: [{certificate: cert%[5]d.pem, key: key%[5]d.pem}]}\n"+
		"cache: {memory: %[6]dMiB}\nconnections: {max: %[7]d}\n"+
		"resolver: {ipv6: \"false\", root_hints_file: hints, do_not_query_localhost: false%[8]s}\n"+
		"trust_anchors: {builtin: false, records: %[9]s}\n"+
		"policy: {access: [\"127.0.0.0/8 allow\"%[10]s]}\nshutdown: {wait: 0}\n",
		dayDNS, dayTLS, dayHTTPS, dayAdmin, i%5, 32<<(i%3), 500+i, forward, list, access))
}

// certify writes a certificate.
func (d *day) certify(i int) {
	source, err := transport.SelfSigned(time.Now(), []string{fmt.Sprintf("dns%d.example", i)},
		[]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		d.t.Fatal(err)
	}
	c := source.All()[0]
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		d.t.Fatal(err)
	}
	d.dir.write(d.t, fmt.Sprintf("cert%d.pem", i%5), string(pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: c.Certificate[0]})))
	d.dir.write(d.t, fmt.Sprintf("key%d.pem", i%5), string(pem.EncodeToMemory(&pem.Block{
		Type: "PRIVATE KEY", Bytes: key})))
}

// start starts the server, and waits until it answers.
func (d *day) start() {
	d.t.Helper()
	log, err := os.OpenFile(d.dir.path("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command(d.dir.path("bailiwick"), "serve", "--config", d.dir.path("bailiwick.yaml"))
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	await(d.t, dayDNS, "www0.store.example.", dns.TypeA,
		func(m *dns.Msg) bool { return m.AuthenticatedData && len(m.Answer) > 0 })
}

// ctl runs a command of ctl.
func (d *day) ctl(args ...string) string {
	d.t.Helper()
	out, err := exec.Command(d.dir.path("bailiwick"), append([]string{"ctl", "--socket",
		d.dir.path("control.sock"), "--json"}, args...)...).CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(d.dir.path("log"))
		d.t.Fatalf("ctl %v: %v\n%s\n%s", args, err, out, log)
	}
	return string(out)
}

// pid returns the process that serves the control socket.
func (d *day) pid() int {
	var s struct{ PID int }
	if err := json.Unmarshal([]byte(d.ctl("status")), &s); err != nil {
		d.t.Fatal(err)
	}
	return s.PID
}

// kill ends whatever process serves.
func (d *day) kill() {
	if out, err := exec.Command(d.dir.path("bailiwick"), "ctl", "--socket",
		d.dir.path("control.sock"), "drain").CombinedOutput(); err != nil {
		d.t.Logf("%v\n%s", err, out)
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	if d.t.Failed() {
		log, _ := os.ReadFile(d.dir.path("log"))
		d.t.Logf("the server's log:\n%.8000s", log)
	}
}

// resident returns the resident memory of the server, in bytes.
func (d *day) resident() int64 {
	r, err := http.Get("http://" + dayAdmin + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	m := regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`).FindSubmatch(text)
	if err != nil || m == nil {
		d.t.Fatalf("no resident memory, %v", err)
	}
	f, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		d.t.Fatal(err)
	}
	return int64(f)
}

// reloads changes the configuration so many times. The memory after a fifth of them is that after
// all, but for what the garbage collector has not collected yet.
func (d *day) reloads(n int) {
	const room = 32 << 20
	var before int64
	for i := 1; i <= n; i++ {
		d.certify(i)
		d.configure(i)
		d.ctl("reload")
		if i == n/5 {
			before = d.resident()
		}
		time.Sleep(100 * time.Millisecond)
	}
	if after := d.resident(); after > before+room {
		d.t.Errorf("%d MiB after %d reloads, and %d MiB after %d", before>>20, n/5, after>>20, n)
	}
}

// restart ends the server and starts it again. It asks for each name once before, and once after,
// and compares how many of the answers were known.
func (d *day) restart() {
	d.t.Helper()
	hits := func() float64 {
		d.world.Transcript() // until now
		for i := range dayNames {
			if m, err := ask(dayDNS, fmt.Sprintf("www%d.store.example.", i),
				dns.TypeA); err != nil || !m.AuthenticatedData {
				d.t.Fatalf("www%d.store.example.: %v, %v", i, m, err)
			}
		}
		return 1 - float64(len(d.world.Transcript()))/dayNames
	}
	time.Sleep(7 * time.Second) // until the last reload has dropped all that it has to
	hits()
	before := hits()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("after SIGTERM: %v", err)
	}
	d.start()
	after := hits()
	d.t.Logf("hit rate %.3f before a restart, %.3f after it", before, after)
	if after < 0.95*before {
		d.t.Errorf("the hit rate was %.3f before a restart, and is %.3f after it", before, after)
	}
}

// upgrade puts another program in the place of the one that runs, and has it take over.
func (d *day) upgrade() {
	before := d.pid()
	b, err := os.ReadFile(d.dir.path("bailiwick"))
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.dir.path("new"), b, 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.dir.path("new"), d.dir.path("bailiwick")); err != nil {
		d.t.Fatal(err)
	}
	time.Sleep(time.Second) // of load before
	d.ctl("upgrade")
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the old process: %v", err)
	}
	if after := d.pid(); after == before {
		d.t.Errorf("process %d still serves", after)
	}
	time.Sleep(2 * time.Second) // of load after
}

// crowd is the clients.
type crowd struct {
	asked, lost, wrong, again atomic.Int64
	ctx                       context.Context
	stop                      context.CancelFunc
	wg                        sync.WaitGroup
}

// gather lets clients come: many over UDP, at a fixed rate, whatever comes back; some over each
// transport with connections, which connect again and ask again when their connection ends.
func (d *day) gather() *crowd {
	c := &crowd{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	const clients = 8
	for i := range clients {
		c.wg.Go(func() { c.overUDP(i, dayRate/clients) })
	}
	for _, dial := range dayTransports {
		for range 2 {
			c.wg.Go(func() { c.overConnection(dial) })
		}
	}
	return c
}

// dayQuestion returns the query with a number.
func dayQuestion(n int) *dns.Msg {
	m := new(dns.Msg).SetQuestion(fmt.Sprintf("www%d.store.example.", n*7%dayNames), dns.TypeA)
	m.Id = uint16(n)
	return m
}

// hold has the kernel hold what comes while a client waits for a processor.
func hold(c net.Conn) {
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		const force = 33 // SO_RCVBUFFORCE of Linux
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, force, 16<<20)
	})
}

// overUDP asks at a rate from one socket. A query is lost if its answer has not come when the
// programs have run for 5 s after the last one.
func (c *crowd) overUDP(client, rate int) {
	conn, err := net.Dial("udp", dayDNS)
	if err != nil {
		c.lost.Add(1)
		return
	}
	defer conn.Close()
	hold(conn)
	var mu sync.Mutex
	waiting := map[uint16]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m := new(dns.Msg)
			mu.Lock()
			if m.Unpack(buf[:n]) != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0 {
				c.wrong.Add(1)
			}
			delete(waiting, m.Id)
			mu.Unlock()
		}
	}()
	began := time.Now()
	for n := client * 101; c.ctx.Err() == nil; n++ {
		packet, err := dayQuestion(n).Pack()
		if err != nil {
			panic(err)
		}
		mu.Lock()
		waiting[uint16(n)] = true
		mu.Unlock()
		c.asked.Add(1)
		if _, err := conn.Write(packet); err != nil {
			c.wrong.Add(1) // a port that nobody listens at
		}
		due := began.Add(time.Duration(n-client*101) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
	}
	for end := ran() + 5*time.Second; ran() < end; {
		mu.Lock()
		left := len(waiting)
		mu.Unlock()
		if left == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = conn.Close()
	<-done
	c.lost.Add(int64(len(waiting)))
}

// overConnection asks one question after the other over a connection. A client asks again when a
// connection ends before the answer (RFC 7766, section 6.2.4; RFC 9250, section 5.5; RFC 9114,
// section 5.2). A port that is closed is a fault of the server.
func (c *crowd) overConnection(dial func() (dayConn, error)) {
	var conn dayConn
	for n := 0; c.ctx.Err() == nil; n++ {
		c.asked.Add(1)
		var err error
		for tries := 0; ; tries++ {
			if err = nil; conn == nil {
				var made dayConn
				if made, err = dial(); err == nil {
					conn = made
				}
			}
			var m *dns.Msg
			if err == nil {
				m, err = conn.exchange(dayQuestion(n))
			}
			if err == nil {
				if m.Rcode != dns.RcodeSuccess {
					c.wrong.Add(1)
				}
				break
			}
			if conn != nil {
				conn.close()
				conn = nil
			}
			if errors.Is(err, syscall.ECONNREFUSED) || tries == 2 {
				c.lost.Add(1)
				break
			}
			c.again.Add(1)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if conn != nil {
		conn.close()
	}
}

// dayConn is a client's connection.
type dayConn interface {
	exchange(q *dns.Msg) (*dns.Msg, error)
	close()
}

// dayPatience is how long a client waits for an answer.
var dayPatience = patience

// dayTransports are the clients' transports but UDP.
var dayTransports = map[string]func() (dayConn, error){
	"TCP": func() (dayConn, error) {
		c, err := dns.DialTimeout("tcp", dayDNS, dayPatience)
		return dayStream{c}, err
	},
	"DoT": func() (dayConn, error) {
		c, err := dns.DialTimeoutWithTLS("tcp-tls", dayTLS, dayClient(), dayPatience)
		return dayStream{c}, err
	},
	"DoQ": func() (dayConn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), dayPatience)
		defer cancel()
		c, err := quic.DialAddr(ctx, dayTLS, dayClient("doq"), nil)
		return dayQUIC{c}, err
	},
	"HTTP/2": func() (dayConn, error) {
		return dayHTTP{&http.Client{Timeout: dayPatience, Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: dayClient()}}}, nil
	},
	"HTTP/3": func() (dayConn, error) {
		return dayHTTP{&http.Client{Timeout: dayPatience, Transport: &http3.Transport{
			TLSClientConfig: dayClient()}}}, nil
	},
}

func dayClient(alpn ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: alpn}
}

// dayStream is a connection over TCP or TLS.
type dayStream struct{ *dns.Conn }

func (c dayStream) exchange(q *dns.Msg) (*dns.Msg, error) {
	_ = c.SetDeadline(time.Now().Add(dayPatience))
	if err := c.WriteMsg(q); err != nil {
		return nil, err
	}
	return c.ReadMsg()
}

func (c dayStream) close() { _ = c.Conn.Close() }

// dayQUIC is a connection of DoQ (RFC 9250).
type dayQUIC struct{ *quic.Conn }

func (c dayQUIC) exchange(q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dayPatience)
	defer cancel()
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	_ = s.SetDeadline(time.Now().Add(dayPatience))
	q.Id = 0
	packet, err := q.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))),
		packet...)); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(s)
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b[min(2, len(b)):])
}

func (c dayQUIC) close() { _ = c.CloseWithError(0, "") }

// dayHTTP is a client of DoH, which connects by itself.
type dayHTTP struct{ *http.Client }

func (c dayHTTP) exchange(q *dns.Msg) (*dns.Msg, error) {
	packet, err := q.Pack()
	if err != nil {
		return nil, err
	}
	r, err := c.Post("https://"+dayHTTPS+"/dns-query", "application/dns-message",
		bytes.NewReader(packet))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

func (c dayHTTP) close() {
	c.CloseIdleConnections()
	if t, ok := c.Transport.(*http3.Transport); ok {
		_ = t.Close()
	}
}

// leave ends the clients, none of whom has lost a query.
func (c *crowd) leave(t *testing.T, what string) {
	t.Helper()
	c.stop()
	c.wg.Wait()
	t.Logf("%s: %d queries, %d lost, %d wrong; %d asked again over another connection", what,
		c.asked.Load(), c.lost.Load(), c.wrong.Load(), c.again.Load())
	if c.lost.Load() > 0 || c.wrong.Load() > 0 || c.asked.Load() < dayRate {
		t.Errorf("%s: of %d queries %d are lost, and %d answered wrongly", what, c.asked.Load(),
			c.lost.Load(), c.wrong.Load())
	}
}
