package config

import (
	"strings"
	"testing"
)

// settingsText joins all settings of a configuration.
func settingsText(c *Config, salt string) string {
	var b strings.Builder
	for _, s := range c.Settings([]byte(salt)) {
		b.WriteString(s.Key + " " + s.Value + "\n")
	}
	return b.String()
}

// TestSettingsHideSecrets shows what others than the owner of the file see: no secret, and yet
// whether two configurations have the same ones.
func TestSettingsHideSecrets(t *testing.T) {
	read := func(cookie, tsig, token string) *Config {
		t.Helper()
		c, err := parse("/etc/b.yaml", []byte("server: {cookie_secret: "+cookie+"}\n"+
			"zones: {tsig_keys: [{name: k.example, secret: "+tsig+"}]}\n"+
			"policy: {block_lists: [{url: \"https://lists.example/a?token="+token+"\"}]}\n"+
			"views: [{name: v, clients: [10.0.0.0/8], "+
			"block_lists: [{url: \"https://lists.example/b?token="+token+"\"}]}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const cookie, tsig = "00112233445566778899aabbccddeeff", "c2VjcmV0c2VjcmV0"
	a, same := read(cookie, tsig, "hidden"), read(cookie, tsig, "hidden")
	for _, secret := range []string{cookie, tsig, "hidden"} {
		if strings.Contains(settingsText(a, "salt"), secret) {
			t.Errorf("%s is shown:\n%s", secret, settingsText(a, "salt"))
		}
	}
	if !strings.Contains(settingsText(a, "salt"), "https://lists.example/b?(secret ") {
		t.Error("what is no secret of a URL is hidden")
	}
	if settingsText(a, "salt") != settingsText(same, "salt") {
		t.Error("the same configuration looks different")
	}
	if settingsText(a, "salt") == settingsText(a, "pepper") {
		t.Error("the hash of a secret is the same with another salt")
	}
	for _, other := range []*Config{read("ff"+cookie[2:], tsig, "hidden"),
		read(cookie, "b3RoZXJvdGhlcjEy", "hidden"), read(cookie, tsig, "other")} {
		if settingsText(a, "salt") == settingsText(other, "salt") {
			t.Error("another secret looks the same")
		}
	}
}

// TestSettingsTellWhereTheyStand: what a file gives has its place, the rest is the default.
func TestSettingsTellWhereTheyStand(t *testing.T) {
	c, err := parse("/etc/b.yaml", []byte("cache:\n  memory: 64MiB\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings(nil) {
		given := s.Key == "cache.memory"
		if s.Given != given || given && (s.From != "/etc/b.yaml:2" || s.Value != "64MiB") ||
			!given && s.From != "" {
			t.Errorf("%+v", s)
		}
	}
}
