// Nodes of a fleet are upgraded by hand-over (ctl upgrade) while operators command the fleet: two
// processes share one state directory, and are one node to the others.

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// upgrade has another process take over a node, and returns when the one before has ended.
func (c *commanded) upgrade(n int) {
	c.t.Helper()
	old := int(c.ctl(n, "status")["pid"].(float64))
	pid := int(c.ctl(n, "upgrade")["pid"].(float64))
	c.t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
		c.until("the last process has ended", func() bool { // it is not a child of this one
			return syscall.Kill(pid, 0) != nil
		})
	})
	if c.nodes[n].Process.Pid == old {
		_ = c.nodes[n].Wait()
	}
	c.until("the process before has ended", func() bool { return syscall.Kill(old, 0) != nil })
}

// given are the commands that nodes have accepted, by zone.
type given struct {
	sync.Mutex
	numbers map[string]string // node and number
	refused int
}

// command has a node tell the fleet of one zone after the other, until it is stopped.
func (c *commanded) command(n int, g *given, stop chan struct{}) {
	for i := 0; i < 18; i++ {
		select {
		case <-stop:
			return
		default:
		}
		zone := fmt.Sprintf("z%d.node%d.example.", i, n)
		out, err := exec.Command(c.bin, "ctl", "--json", "--socket", c.socket(n), "nta", "add",
			zone, "--fleet", "--for", "1h").Output()
		var m map[string]any
		d := json.NewDecoder(strings.NewReader(string(out)))
		d.UseNumber()
		g.Lock()
		if err != nil || d.Decode(&m) != nil || m["fleet_number"] == nil {
			g.refused++ // while one process hands over to the next
		} else {
			g.numbers[zone] = fmt.Sprint(n, " ", m["fleet_number"])
		}
		g.Unlock()
	}
}

// TestFleetUpgrade has each of three nodes be taken over by another process, again and again, while
// commands are given to all of them: each that a node has accepted is done once at each node, and
// no number comes twice.
func TestFleetUpgrade(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server"})
		return
	}
	c := newCommanded(t, 3)
	g, stop, all := &given{numbers: map[string]string{}}, make(chan struct{}), sync.WaitGroup{}
	for n := 1; n <= 3; n++ {
		all.Go(func() { c.command(n, g, stop) })
	}
	for _, n := range []int{2, 1, 3, 2} {
		c.upgrade(n)
	}
	c.until("six commands were given", func() bool {
		g.Lock()
		defer g.Unlock()
		return len(g.numbers) >= 6
	})
	close(stop)
	all.Wait()
	t.Logf("%d commands were given, and %d refused, during four hand-overs", len(g.numbers),
		g.refused)
	numbers := map[string]string{}
	for zone, number := range g.numbers {
		if other := numbers[number]; other != "" {
			t.Errorf("%s and %s have one number, %s", zone, other, number)
		}
		numbers[number] = zone
	}
	for n := 1; n <= 3; n++ {
		c.until("all nodes have all exceptions", func() bool {
			has := map[string]bool{}
			for _, r := range rowsOf(c.ctl(n, "nta", "list")) {
				has[fmt.Sprint(r["zone"])] = true
			}
			for zone := range g.numbers {
				if !has[zone] {
					return false
				}
			}
			return true
		})
		c.until("no command is missing", func() bool {
			m := c.ctl(n, "fleet")
			return m["missing_commands"] == nil && m["unused_commands"] == nil
		})
	}
	done := func(zone string) (n int) {
		log, err := os.ReadFile(c.log.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "of the fleet") && strings.Contains(line, "zone="+zone) {
				n++
			}
		}
		return n
	}
	for zone := range g.numbers {
		c.until(zone+" is in the log of both other nodes", func() bool { return done(zone) >= 2 })
	}
	for zone := range g.numbers {
		if n := done(zone); n != 2 {
			t.Errorf("%s was done %d times by two other nodes", zone, n)
		}
	}
}
