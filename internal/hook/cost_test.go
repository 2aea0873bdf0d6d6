package hook

import (
	"net/netip"
	"testing"

	"bailiwick/wire"
)

// passing is a step that passes everything, and allocates nothing.
type passing struct{ perClient bool }

func (passing) Name() string                        { return "passing" }
func (p passing) PerClient() bool                   { return p.perClient }
func (passing) Question(Question) (v Verdict)       { return v }
func (passing) Answer(Question, Answer) (v Verdict) { return v }

// asked asks a step about a question and its answer.
func asked(t testing.TB, perClient bool) func() {
	c, err := NewChain([]Step{&passing{perClient}})
	if err != nil {
		t.Fatal(err)
	}
	name := wire.MustParseName("www.example.")
	sets := []*wire.RRset{{Name: name, Type: wire.TypeA}}
	client := netip.MustParseAddr("192.0.2.1")
	return func() {
		q := Question{Name: name, Type: wire.TypeA, Client: client, Transport: "udp"}
		if _, ok := c.Question(&q); ok {
			t.Error("it has not passed the question")
		}
		if _, ok := c.Answer(&q, &Answer{Sets: sets}); ok {
			t.Error("it has not passed the answer")
		}
	}
}

// To ask a step allocates nothing that the step does not allocate itself.
func TestStepsAreAskedWithoutAllocation(t *testing.T) {
	for _, perClient := range []bool{false, true} {
		if n := testing.AllocsPerRun(100, asked(t, perClient)); n != 0 {
			t.Errorf("per client %v: %v allocations", perClient, n)
		}
	}
}

// What it costs to ask one step about a question and its answer.
func BenchmarkOneStep(b *testing.B) {
	ask := asked(b, true)
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
}
