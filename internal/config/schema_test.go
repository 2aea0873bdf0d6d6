package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema compiles the schema of configurations.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var text bytes.Buffer
	if err := Schema(&text); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&text)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// indented returns the indented lines that a text begins with, less two spaces.
func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "  ")
		if !ok {
			break
		}
		out.WriteString(rest)
	}
	return out.String()
}

// TestSchemaTakesTheRecipes has an editor find no mistake in the configurations of the recipes.
func TestSchemaTakesTheRecipes(t *testing.T) {
	pages, err := filepath.Glob("../../docs/recipes/*.md")
	if err != nil {
		t.Fatal(err)
	}
	of, found := schema(t), 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n```yaml\n")[1:] {
			found++
			example, _, _ := strings.Cut(part, "\n```\n")
			if _, values, ok := strings.Cut(example, "\nconfig:\n"); ok { // of the chart
				example = indented(values)
			}
			if err := validate(t, of, example); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if found < 15 {
		t.Errorf("there are %d configurations", found)
	}
}

// validate compares a file with the schema, as an editor does.
func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestSchemaTakesWhatIsRight: an editor marks nothing in a file that the server takes.
func TestSchemaTakesWhatIsRight(t *testing.T) {
	s, n := schema(t), 0
	for _, c := range cases(t, "testdata/findings") {
		if _, found := inspect("/etc/b.yaml", []byte(c.text)); len(found.Errors()) > 0 {
			continue
		}
		n++
		if err := validate(t, s, c.text); err != nil && strings.TrimSpace(c.text) != "" {
			t.Errorf("%s: %v\n%s", c.name, err, c.text)
		}
	}
	if n < 20 {
		t.Errorf("there are %d files that are right", n)
	}
	var shown bytes.Buffer
	if err := Default().Show(&shown); err != nil {
		t.Fatal(err)
	}
	if err := validate(t, s, shown.String()); err != nil {
		t.Errorf("what config show prints: %v", err)
	}
}

// TestSchemaFindsMistakes: an editor marks what is wrong by its form.
func TestSchemaFindsMistakes(t *testing.T) {
	s := schema(t)
	for name, text := range map[string]string{
		"a key that there is not":     "cache: {memroy: 1GiB}",
		"a size without a unit":       "cache: {memory: 1G}",
		"a duration in words":         "cache: {max_ttl: long}",
		"a number out of range":       "server: {max_udp_size: 100}",
		"a word that is none":         "log: {level: loud}",
		"what is not true or false":   "server: {cookies: maybe}",
		"a record without its name":   "resolver: {forward_zones: [{addresses: [192.0.2.1]}]}",
		"a field that there is not":   "resolver: {forward_zones: [{name: a, adresses: []}]}",
		"a transport that is none":    "resolver: {forward_zones: [{name: a, transport: pigeon}]}",
		"an action of access":         "policy: {access: [{net: 10.0.0.0/8, action: nxdomain}]}",
		"a list with neither":         "policy: {block_lists: [{action: nodata}]}",
		"an action of a policy zone":  "policy: {rpz: [{name: a, file: f, action: allow}]}",
		"a zone of a view":            "views: [{name: v, forward_zones: [{nam: a}]}]",
		"a limit of a view":           "views: [{name: v, limits: {queries_per_address: many}}]",
		"a rule of a view for others": "views: [{name: v, block_lists: [{file: f, action: x}]}]",
		"an included file":            "include: {file: a}",
	} {
		if err := validate(t, s, text); err == nil {
			t.Errorf("%s: an editor takes %s", name, text)
		}
	}
}

func TestSchemaNamesEveryKey(t *testing.T) {
	var b bytes.Buffer
	if err := Schema(&b); err != nil {
		t.Fatal(err)
	}
	type object struct {
		Description string
		Properties  map[string]object
	}
	var root object
	if err := json.Unmarshal(b.Bytes(), &root); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		at := root
		for s := range strings.SplitSeq(k.key, ".") {
			at = at.Properties[s]
		}
		if at.Description == "" {
			t.Errorf("%s is not described", k.key)
		}
	}
}
