package trustanchor

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"bailiwick/wire"
)

// stateSeed is the state of two zones.
const stateSeed = "zone . seen 2026-11-26T10:00:00Z\n" +
	"from 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n" +
	"key valid since 2026-11-20T09:00:00Z held 145h0m0s wait 0s seen 0 257 3 8 AwEAAQ==\n" +
	"key pending since 2026-11-20T09:00:00Z held 5m0s wait 720h0m0s seen 3 257 3 13 AwEAAg==\n" +
	"zone example. seen 0001-01-01T00:00:00Z\n"

// The state is read as it was written.
func TestStateIsReadAsItWasWritten(t *testing.T) {
	points, err := readPoints(strings.NewReader(stateSeed))
	if err != nil || len(points) != 2 || len(points[0].Keys) != 2 || len(points[0].From) != 1 ||
		!points[1].Seen.IsZero() {
		t.Fatalf("%+v, %v", points, err)
	}
	if k := points[0].Keys[1]; k.State != Pending || k.Seen != 3 || k.Left() != 720*time.Hour-
		5*time.Minute {
		t.Errorf("%+v", k)
	}
	var b bytes.Buffer
	if err := writePoints(&b, points); err != nil || b.String() != stateSeed {
		t.Errorf("%v, %s", err, &b)
	}
}

// FuzzState reads any text as the state of trust anchors. What is accepted is written in one form,
// and whatever is seen next can be drawn from it.
func FuzzState(f *testing.F) {
	f.Add(stateSeed)
	f.Add("zone . seen x")
	f.Add("key valid since 2026-11-20T09:00:00Z held -1s wait 0s seen 0 257 3 8 AwEAAQ==")
	f.Fuzz(func(t *testing.T, text string) {
		points, err := readPoints(strings.NewReader(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := writePoints(&b, points); err != nil {
			t.Fatal(err)
		}
		again, err := readPoints(&b)
		if err != nil || !reflect.DeepEqual(again, points) {
			t.Fatalf("%q is %+v, and again %+v, %v", text, points, again, err)
		}
		at := Times{Age: time.Unix(1e9, 0), Day: time.Unix(2e9, 0)}
		for _, p := range points {
			seen := Sighting{Validated: true}
			for _, k := range p.Keys {
				seen.Keys = append(seen.Keys, k.Data)
			}
			next, _ := p.Observe(seen, at)
			for _, d := range next.Trusted() {
				if len(d.Hash) == 0 && !contains(p.From, d) {
					t.Fatalf("%q: trusts %+v", text, d)
				}
			}
			_, _ = signalName(p.Zone, []wire.DS(next.Trusted()))
		}
	})
}
