package config

import "testing"

// TestDigestTellsConfigurationsApart: spellings of one configuration have one digest, and any other
// value has another.
func TestDigestTellsConfigurationsApart(t *testing.T) {
	digest := func(text string) string {
		c, err := parse("b.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c.Digest()
	}
	one := digest("cache: {memory: 7MiB}\nstale: {enabled: yes}\n")
	if same := digest("stale: {enabled: true}\ncache:\n  memory: 7MiB # enough\n"); same != one {
		t.Errorf("%s and %s", one, same)
	}
	for _, other := range []string{"", "cache: {memory: 7MiB}\nstale: {enabled: no}\n",
		"cache: {memory: 8MiB}\nstale: {enabled: yes}\n"} {
		if digest(other) == one {
			t.Errorf("%q has the same digest", other)
		}
	}
}
