package routes

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// inNamespace is set in the process that runs in a network namespace of its own.
const inNamespace = "BAILIWICK_ROUTES"

// Addresses and routes that come and go are seen at once, and once: in a network namespace an
// interface gets an address, then a default route and one to a private network, as of a VPN, and
// goes down.
func TestWatchSeesTheNetworkChange(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		if os.Getuid() != 0 {
			return // only root may make a namespace; .ci/run is root
		}
		cmd := exec.Command("unshare", "--net", os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inNamespace+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	ip := func(args string) {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	changes, table, ended := make(chan Change, 100), New(), make(chan bool)
	go func() {
		defer close(ended)
		table.Watch(ctx, nil, time.Now, func(c Change) { changes <- c })
	}()
	want := func(what string, v4, uplink bool) {
		t.Helper()
		for {
			select {
			case c := <-changes:
				if c.V6 || c.Slept != 0 {
					t.Errorf("%s: %+v", what, c)
				}
				if v, _ := table.Families(); c.V4 == v4 && c.Uplink == uplink && v == v4 {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: no such change", what)
			}
		}
	}
	for seen := false; !seen; { // until it watches
		ip("link set lo up")
		ip("link set lo down")
		select {
		case <-changes:
			seen = true
		case <-time.After(settle):
		}
	}
	ip("link add d0 type veth peer name d1")
	ip("link set d1 up")
	ip("addr add 198.51.100.2/24 dev d0")
	ip("link set d0 up")
	want("an interface", false, false)
	ip("route add default via 198.51.100.1")
	want("a default route", true, true)
	ip("route add 10.9.0.0/16 via 198.51.100.1")
	want("a route to a private network", true, false)
	ip("link set d0 down")
	want("no interface", false, true)
	stop()
	<-ended
}
