// What clients send, before all resolvers.

package interop

import (
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
)

// aloneWith has the packets that no other resolver answers as ours does, and why ours does.
var aloneWith = map[string]string{
	"type None":      "it stands for SIG(0) and is nobody's type (RFC 6895, section 3.1)",
	"class CLASS255": "there are data of class IN alone, and they are not all that is asked for",
}

// Ours answers each packet of the table as the table has it, and as one of the others does, unless
// there is a reason. What each says is in the log of the test.
func TestClientPacketsBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, peerPrograms)
		return
	}
	addNetwork(t)
	w := lab.NewIn(time.Now(), labNetwork)
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "secure.example.", Records: "www A 192.0.2.1"})
	folder(t.TempDir()).startPeers(t, listen(t, w))
	for _, p := range peers {
		if _, err := ask(p.at, "www.secure.example.", dns.TypeA); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range labtest.ClientPackets() {
		line, alone := "", true
		want := "silence"
		if !c.Silent {
			want = dns.RcodeToString[c.RCode]
		}
		heard := make([]string, len(peers))
		var all sync.WaitGroup
		for i, p := range peers {
			wait := 3 * time.Second // with five resolvers that look something up
			switch {
			case c.Silent:
				wait = time.Second
			case i == 0:
				wait = patience
			}
			all.Go(func() { heard[i] = sendPacket(p.at, c.Packet, wait) })
		}
		all.Wait()
		for i, p := range peers {
			got := heard[i]
			line += fmt.Sprintf(" %s: %s", p.name, got)
			if i == 0 && got != want {
				t.Errorf("%s (%s): %s, want %s", c.What, c.Source, got, want)
			}
			alone = alone && (i == 0 || got != want)
		}
		t.Logf("%s (%s):%s", c.What, c.Source, line)
		if why := aloneWith[c.What]; alone != (why != "") {
			t.Errorf("%s: alone %v, for the reason %q:%s", c.What, alone, why, line)
		}
	}
}

// sendPacket returns the RCODE of what comes back for a packet within a time, or silence.
func sendPacket(at string, packet []byte, wait time.Duration) string {
	c, err := net.Dial("udp", at)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if _, err := c.Write(packet); err != nil {
		return err.Error()
	}
	buf := make([]byte, dns.MaxMsgSize)
	n, err := read(c, buf, wait)
	if err != nil {
		return "silence"
	}
	var m dns.Msg
	if err := m.Unpack(buf[:n]); err != nil { // as Unbound repeats what is malformed
		return dns.RcodeToString[int(buf[3]&15)]
	}
	return dns.RcodeToString[m.Rcode]
}
