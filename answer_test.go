package bailiwick

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// TestLibraryAnswersAreTheCallers changes an answer: the set that it was made of, which others who
// wait for the same get as well, and the caches, stays as it was.
func TestLibraryAnswersAreTheCallers(t *testing.T) {
	address, signature := []byte{192, 0, 2, 1}, []byte("a signature")
	set := &wire.RRset{Name: wire.MustParseName("www.example."), Type: wire.TypeA, TTL: 300,
		Data: wire.RDataList{}.Append(address), Sigs: wire.RDataList{}.Append(signature)}
	a := newAnswer(&resolver.Answer{Sets: []*wire.RRset{set}, Authority: []*wire.RRset{set}}, true)
	if len(a.Records) != 2 || len(a.Authority) != 2 {
		t.Fatalf("the answer has %v and %v", a.Records, a.Authority)
	}
	for _, r := range append(a.Records, a.Authority...) {
		clear(r.Data)
	}
	if !bytes.Equal(set.Data.First(), address) || !bytes.Equal(set.Sigs.First(), signature) {
		t.Error("what the caller has changed is the resolver's")
	}
}

// TestLibraryEndsAfterPanics has a resolver that has panicked too often answer nothing any more, as
// its state may be damaged. The process is the program's own, and goes on.
func TestLibraryEndsAfterPanics(t *testing.T) {
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.damaged.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whatever happens, nobody is asked
	var f *Failure
	if _, err := r.Resolve(ctx, "example.", TypeA); !errors.As(err, &f) ||
		f.Cause != "internal_error" {
		t.Errorf("got %v", err)
	}
}

// TestLibraryRecordsOfUnknownTypes has records in presentation form whose type nobody knows, or
// whose data are not what their type has (RFC 3597, section 5).
func TestLibraryRecordsOfUnknownTypes(t *testing.T) {
	for want, r := range map[string]Record{
		`\# 2 abcd`: {Name: "www.example.", Type: 65400, TTL: 5, Data: []byte{0xab, 0xcd}},
		`\# 1 07`:   {Name: "www.example.", Type: TypeA, Data: []byte{7}},
		"192.0.2.1": {Name: "www.example.", Type: TypeA, Data: []byte{192, 0, 2, 1}},
	} {
		if got := r.Text(); got != want {
			t.Errorf("%s: %q, want %q", r.Type, got, want)
		}
	}
}
