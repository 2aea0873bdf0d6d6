package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// broken is a zone that is broken in one way, and the codes that clients are told (RFC 8914).
type broken struct {
	label string
	zone  lab.Zone
	asked string   // label and type
	codes []uint16 // ours
	// alone is why no other resolver has our first code.
	alone string
}

// Why no other resolver has our first code.
const (
	unsupported = "others tell nothing of what is insecure as they do not support it, or code 0"
	silent      = "others tell nothing of servers that do not answer for their zone"
)

// edeZones are the faults that operators meet, one each.
func edeZones() []broken {
	faulty := func(f ...lab.Fault) lab.Zone { return lab.Zone{Faults: f} }
	server := func(f lab.Fault) lab.Zone {
		return lab.Zone{Servers: []lab.ServerFaults{{f}}}
	}
	return []broken{
		{"expired", faulty(lab.Expired), "www A", []uint16{7}, ""},
		{"future", faulty(lab.Future), "www A", []uint16{8}, ""},
		{"corrupt", faulty(lab.CorruptSignatures), "www A", []uint16{6}, ""},
		{"nosigs", faulty(lab.MissingSignatures), "www A", []uint16{10}, ""},
		{"nokeys", faulty(lab.NoKeys), "www A", []uint16{9}, ""},
		{"dsmismatch", faulty(lab.DSMismatch), "www A", []uint16{9}, ""},
		{"wrongkeys", faulty(lab.WrongKeys), "www A", []uint16{9}, ""},
		{"nodenial", faulty(lab.NoDenial), "no A", []uint16{12, 6}, ""},
		{"wrongdenial", faulty(lab.WrongDenial), "zz A", []uint16{12, 6}, ""},
		{"algorithm", lab.Zone{Algorithm: 100}, "www A", []uint16{1}, unsupported},
		{"digest", lab.Zone{Digest: 100}, "www A", []uint16{2}, unsupported},
		{"iterations", lab.Zone{Denial: lab.NSEC3, Iterations: 151}, "no A",
			[]uint16{27}, unsupported},
		{"dead", server(lab.Dead), "www A", []uint16{22}, silent},
		{"refusing", server(lab.Refusing), "www A", []uint16{22}, silent},
		{"lame", server(lab.Lame), "www A", []uint16{22}, silent},
		{"failing", server(lab.Failing), "www A", []uint16{23}, silent},
		{"stripping", server(lab.Stripping), "www A", []uint16{10}, ""},
		{"forging", server(lab.Forging), "www A", []uint16{6}, ""},
	}
}

// errorsOf returns the codes of the Extended DNS Errors in a response, and all of it in words.
func errorsOf(m *dns.Msg) (codes []uint16, text string) {
	text = dns.RcodeToString[m.Rcode]
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				codes = append(codes, e.InfoCode)
				text += fmt.Sprintf(", EDE %d (%s)", e.InfoCode, e.ExtraText)
			}
		}
	}
	return codes, text
}

// TestRFC8914BesideOthers breaks zones in the ways that operators meet, and asks this resolver and
// four others. The RCODE is the same wherever one answers. Our codes are those of the table, and
// the first is one that another resolver has as well, or the table says why not, unless a resolver
// that does not answer in time could have it. What all say is in the log of the test.
func TestRFC8914BesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, peerPrograms)
		return
	}
	addNetwork(t)
	w := lab.NewIn(time.Now(), labNetwork)
	w.Add(lab.Zone{Name: "broken."})
	rows := edeZones()
	for _, b := range rows {
		b.zone.Name, b.zone.Records = b.label+".broken.", "www A 192.0.2.1"
		w.Add(b.zone)
	}
	folder(t.TempDir()).startPeers(t, listen(t, w))
	for _, b := range rows {
		label, typ, _ := strings.Cut(b.asked, " ")
		codes, texts := make([][]uint16, len(peers)), make([]string, len(peers))
		replies := make([]*dns.Msg, len(peers))
		var all sync.WaitGroup
		for i, p := range peers {
			all.Go(func() {
				m, err := ask(p.at, label+"."+b.label+".broken.", dns.StringToType[typ])
				if err != nil {
					texts[i] = err.Error()
					return
				}
				replies[i] = m
				codes[i], texts[i] = errorsOf(m)
			})
		}
		all.Wait()
		line, alone := b.label+" "+b.asked+":", true
		for i, p := range peers {
			line += "\n\t" + p.name + ": " + texts[i]
			alone = alone && (i == 0 || !slices.Contains(codes[i], b.codes[0]))
		}
		t.Log(line)
		if replies[0] == nil {
			t.Errorf("%s: no answer of ours", b.label)
			continue
		}
		for i, r := range replies {
			if r != nil && r.Rcode != replies[0].Rcode {
				t.Errorf("%s: ours is %s, that of %s %s", b.label,
					dns.RcodeToString[replies[0].Rcode], peers[i].name, dns.RcodeToString[r.Rcode])
			}
		}
		if !slices.Equal(codes[0], b.codes) {
			t.Errorf("%s: codes %v, want %v", b.label, codes[0], b.codes)
		}
		if alone && slices.Contains(replies, nil) {
			continue // who did not answer in time may have it
		}
		if alone != (b.alone != "") {
			t.Errorf("%s: nobody else has code %d: %v; the table says %q", b.label, b.codes[0],
				alone, b.alone)
		}
	}
}
