package xdp

import (
	"net/netip"
	"os"
	"testing"

	"github.com/cilium/ebpf"
)

// asRoot skips a test that the kernel allows root alone.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may load programs into the kernel")
	}
}

// loaded loads the program for the addresses of situations, with a socket for queue 0.
func loaded(t *testing.T) (p *ebpf.Program, m maps) {
	t.Helper()
	asRoot(t)
	var keys [][keySize]byte
	for _, a := range []string{"192.0.2.1:53", v6to} {
		for _, v := range []uint16{0, 10} {
			keys = append(keys, keyOf(netip.MustParseAddrPort(a), v))
		}
	}
	m, err := newMaps(keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	q, err := newQueue()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.release)
	if err := m.sockets.Put(uint32(0), uint32(q.fd)); err != nil {
		t.Fatal(err)
	}
	if p, err = newProgram(m, mine, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, m
}

// run has the kernel run the program for a frame, and reports whether it was taken.
func run(t *testing.T, p *ebpf.Program, frame []byte) (taken bool) {
	t.Helper()
	verdict, err := p.Run(&ebpf.RunOptions{Data: frame})
	if err != nil {
		t.Fatal(err)
	}
	if verdict != xdpPass && verdict != xdpMoved {
		t.Errorf("verdict %d", verdict)
	}
	return verdict == xdpMoved
}

// The program takes queries for its addresses, and leaves everything else to the kernel. What the
// packet layer knows as good and is for others is left as well.
func TestProgram(t *testing.T) {
	p, _ := loaded(t)
	for _, s := range situations {
		if got := run(t, p, s.parts.frame()); got != s.taken {
			t.Errorf("%s: taken: %v", s.name, got)
		}
	}
}

// A frame that is cut off anywhere is the kernel's, as long as a header is missing; then the packet
// layer drops it, as the kernel would.
func TestProgramCutOff(t *testing.T) {
	p, _ := loaded(t)
	for _, k := range []parts{{}, {from: v6from, to: v6to}, {tags: []uint16{10}}} {
		f := k.frame()
		whole, _ := Parse(f)
		for n := 14; n < len(f); n++ {
			if got := run(t, p, f[:n]); got && n < len(whole.Head) {
				t.Errorf("%d of %d octets are taken", n, len(f))
			}
		}
	}
}

// Each frame is counted once, for its queue.
func TestProgramCounts(t *testing.T) {
	p, m := loaded(t)
	run(t, p, parts{}.frame())
	for range 3 {
		run(t, p, parts{tags: []uint16{11}}.frame())
	}
	var counts [2]uint64
	if err := m.counts.Lookup(uint32(0), &counts); err != nil || counts != [2]uint64{1, 3} {
		t.Errorf("%d: %v", counts, err)
	}
}

// Without a socket for the queue, which may have been added since, the packet is the kernel's.
func TestProgramWithoutSocket(t *testing.T) {
	p, m := loaded(t)
	if err := m.sockets.Delete(uint32(0)); err != nil {
		t.Fatal(err)
	}
	if run(t, p, parts{}.frame()) {
		t.Error("it is taken, and lost")
	}
}

// FuzzProgram holds program and packet layer together: what the program takes is none of the
// kernel's business, so that the packet layer may answer it or drop it.
func FuzzProgram(f *testing.F) {
	for _, s := range situations {
		f.Add(s.parts.frame())
	}
	var p *ebpf.Program
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < 14 || len(frame) > 3000 {
			return
		}
		if p == nil {
			p = fuzzed(t)
		}
		taken := run(t, p, frame)
		k, v := Parse(frame)
		mineOnly := v == Good && [6]byte(frame[:6]) == mine &&
			(k.To == netip.MustParseAddrPort("192.0.2.1:53") ||
				k.To == netip.MustParseAddrPort(v6to))
		if taken && v == Good && !mineOnly {
			t.Fatalf("taken, and it is for %v", k.To)
		}
	})
}

// fuzzed is loaded for a whole run of the fuzzer.
func fuzzed(t *testing.T) *ebpf.Program {
	asRoot(t)
	keys := [][keySize]byte{keyOf(netip.MustParseAddrPort("192.0.2.1:53"), 0),
		keyOf(netip.MustParseAddrPort(v6to), 0)}
	m, err := newMaps(keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(m, mine, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
