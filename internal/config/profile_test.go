package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestProfile: the profile gives other defaults, wherever it stands, and what the file gives
// counts; each default that it changes is shown as that.
func TestProfile(t *testing.T) {
	c, found := ReadText("x", []byte("connections: {max: 7}\nprofile: stub\n"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	if c.Transport.Gate.Max != 7 || c.Service.Rest != 10*time.Second || c.Cache.Memory != 4<<20 {
		t.Errorf("max %d, rest %v, memory %d", c.Transport.Gate.Max, c.Service.Rest, c.Cache.Memory)
	}
	var b strings.Builder
	if err := c.Show(&b); err != nil {
		t.Fatal(err)
	}
	if want := "\n  # by profile: stub\n  rest: 10s\n"; !strings.Contains(b.String(), want) {
		t.Errorf("not shown:\n%s", &b)
	}
	again, found := ReadText("y", []byte(b.String()))
	if len(found) > 0 || again.Digest() != c.Digest() {
		t.Errorf("what is shown gives another configuration: %v %v", found, again.Differing(c))
	}
	for _, s := range c.Settings(nil) {
		if want := map[string]string{"process.rest": "profile: stub", "connections.max": "x:1",
			"cache.min_ttl": ""}; s.From != want[s.Key] && (want[s.Key] != "" || s.Key ==
			"cache.min_ttl") {
			t.Errorf("%s is from %q", s.Key, s.From)
		}
	}
	server, _ := ReadText("z", []byte("profile: server\n"))
	if d := server.Differing(Default()); len(d) > 0 {
		t.Errorf("the profile server differs from the defaults in %v", d)
	}
	if d := c.Differing(Default()); !slices.Contains(d, "profile") {
		t.Error(d)
	}
}
