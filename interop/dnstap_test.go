// Copies of messages, read by the programs of others.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// BIND's dnstap-read prints the files of a server, and fstrm_capture takes its messages over a Unix
// socket and TCP, whichever of the two is there first: what they write is printed alike.
func TestDnstapIsReadByOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"dnstap-read", "fstrm_capture", "ip"})
		return
	}
	loopback(t)
	dir := folder(t.TempDir())
	bin := build(t, string(dir))
	for _, to := range []string{"file", "unix", "tcp"} {
		t.Run(to, func(t *testing.T) {
			path := dir.path(to)
			capture := func() *exec.Cmd { return nil }
			switch to {
			case "unix":
				capture = func() *exec.Cmd {
					return exec.Command("fstrm_capture", "-t", "protobuf:dnstap.Dnstap",
						"-u", dir.path("socket"), "-w", path)
				}
			case "tcp":
				capture = func() *exec.Cmd {
					return exec.Command("fstrm_capture", "-t", "protobuf:dnstap.Dnstap",
						"-a", "127.0.0.1", "-p", "6000", "-w", path)
				}
			}
			reader := capture()
			if reader != nil && to == "unix" { // the other one comes late
				if err := reader.Start(); err != nil {
					t.Fatal(err)
				}
			}
			conf := dir.write(t, to+".yaml", fmt.Sprintf("dnstap: {to: %s, file: %q, "+
				"socket: %q, address: 127.0.0.1, identity: here}\nlisten: {udp: "+
				"[\"127.0.0.1:5300\"]}\nadmin: {listen: \"\"}\ncontrol: {socket: %q}\n", to, path,
				dir.path("socket"), dir.path("control")))
			server := exec.Command(bin, "serve", "--lab", "--config", conf)
			log, err := os.Create(dir.path(to + ".log"))
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			server.Stdout, server.Stderr = log, log
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			ask := func(name string) {
				t.Helper()
				m := new(dns.Msg).SetQuestion(name, dns.TypeA)
				eventually(t, name+" is answered", func() bool {
					_, err := askWith("127.0.0.1:5300", m)
					return err == nil
				})
			}
			ask("www.secure.example.")
			ask("www.expired.faulty.")
			if reader != nil && to == "tcp" {
				if err := reader.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "what waited is written", func() bool {
					out, err := exec.Command(bin, "ctl", "--socket", dir.path("control"),
						"dnstap").CombinedOutput()
					return err == nil && !strings.Contains(string(out), "written: 0")
				})
			}
			_ = server.Process.Signal(syscall.SIGINT)
			_ = server.Wait()
			if reader != nil {
				_ = reader.Process.Signal(syscall.SIGTERM)
				_ = reader.Wait()
			}
			printed(t, path)
		})
	}
}

// printed compares what dnstap-read prints of a file with what has happened.
func printed(t *testing.T, path string) {
	t.Helper()
	short := run(t, "dnstap-read", path)
	for _, want := range []string{
		"CQ 127.0.0.1:", " UDP ", "www.secure.example/IN/A", "www.expired.faulty/IN/A",
		"CR 127.0.0.1:", "RQ ", "RR ", "127.0.0.1:5300"} {
		if !strings.Contains(short, want) {
			t.Errorf("%q is not in\n%s", want, short)
		}
	}
	long := run(t, "dnstap-read", "-y", path)
	for _, want := range []string{"identity: here", "version: bailiwick", "type: CLIENT_RESPONSE",
		"type: RESOLVER_QUERY", "query_time:", "response_time:", "query_zone: secure.example",
		"socket_protocol: UDP", "socket_family: INET", "status: SERVFAIL"} {
		if !strings.Contains(long, want) {
			t.Errorf("%q is not in\n%s", want, long)
		}
	}
}
