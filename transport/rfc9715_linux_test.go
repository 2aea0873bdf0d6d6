package transport

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// RFC 9715, section 3.1: a forged ICMP message about the path to a client does not have answers
// leave in fragments, of which the second could be forged.
func TestRFC9715ForgedICMPDoesNotFragmentAnswers(t *testing.T) {
	for _, c := range []struct {
		addr                string
		level, option, omit int
	}{
		{"127.0.0.1:0", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT},
		{"0.0.0.0:0", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT},
		{"[::]:0", unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT},
	} {
		opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort(c.addr), Sockets: 1,
			Observer: &witness{}})
		if err != nil {
			t.Fatal(err)
		}
		l := opened.(*udpListener)
		err = l.ends[0].raw.Control(func(fd uintptr) {
			if v, err := unix.GetsockoptInt(int(fd), c.level, c.option); err != nil || v != c.omit {
				t.Errorf("%s: the path's MTU: %d, %v", c.addr, v, err)
			}
		})
		if err != nil {
			t.Error(err)
		}
		l.Close()
	}
}
