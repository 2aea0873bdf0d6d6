// The imports that docs/architecture.md allows.

package bailiwick

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed is the floor plan: who may import whom. Do not change it to make a build pass: a shortcut
// has to argue with docs/architecture.md first. A package that is not listed may import nothing of
// the project.
var allowed = map[string][]string{
	// The library for other programs, which nothing here may import (docs/library.md).
	".": {"cache", "internal/cause", "internal/clock", "internal/event", "internal/guard",
		"internal/ledger", "internal/pemfile", "internal/routes", "resolver", "transport",
		"trustanchor", "wire"},
	"wire":                     {"internal/limit"},
	"internal/limit":           {},
	"internal/limit/limittest": {"internal/limit"},
	"internal/cause":           {},
	"internal/clock":           {},
	"internal/guard":           {},
	"internal/counter":         {},
	"internal/ledger":          {},
	"internal/routes":          {"internal/rest"},
	"internal/state":           {},
	"internal/memcache":        {"internal/counter"},
	"internal/workers":         {},
	"internal/aside":           {},
	"internal/rest":            {},
	"internal/rounds":          {"internal/guard", "internal/rest"},
	"cache": {"wire", "internal/cause", "internal/clock", "internal/limit",
		"internal/memcache"},
	"validator": {"wire", "internal/cause", "internal/clock", "internal/limit",
		"validator/p256"},
	"trustanchor": {"wire", "internal/cause", "internal/clock", "internal/guard",
		"internal/limit", "internal/pattern", "internal/rest"},
	"transport": {"wire", "internal/cause", "internal/clock", "internal/guard",
		"internal/ledger", "internal/limit", "internal/pemfile", "internal/procnet",
		"internal/samefile", "internal/xdp"},
	"internal/procnet":  {},
	"internal/preset":   {"transport"},
	"internal/xdp":      {},
	"internal/netzones": {"internal/policy", "wire"},
	"internal/samefile": {},
	"internal/pemfile":  {"internal/samefile"},
	"internal/secrets":  {},
	"zone":              {"internal/aside", "wire", "internal/namehash"},
	"internal/web":      {"internal/pemfile", "wire"},
	"internal/catalog":  {"wire", "zone"},
	"internal/hook":     {"wire"},
	"internal/weblist": {"internal/clock", "internal/guard", "internal/rest", "internal/rounds",
		"internal/state", "internal/web"},
	"secondary": {"internal/aside", "internal/tsig", "internal/web", "wire", "internal/cause",
		"internal/clock", "internal/guard", "internal/pemfile", "internal/rest",
		"internal/rounds", "internal/samefile", "internal/state", "zone"},
	"internal/event":           {"wire", "internal/cause", "internal/trouble", "transport"},
	"internal/event/eventtest": {"internal/event"},
	"resolver": {"wire", "internal/cause", "internal/clock", "internal/dnstap",
		"internal/event", "internal/guard",
		"internal/ledger", "internal/limit", "internal/memcache", "internal/nat64",
		"internal/rest", "internal/workers", "cache", "validator", "trustanchor", "transport"},
	"internal/tsig":  {"wire"},
	"internal/nat64": {},
	"internal/rpz": {"internal/aside", "internal/limit", "wire", "internal/cause",
		"internal/namehash", "zone"},
	"internal/policy":    {"wire", "internal/cause", "internal/nat64", "internal/rpz"},
	"internal/namehash":  {"wire"},
	"internal/nametable": {"internal/aside", "wire", "internal/namehash"},
	"internal/localdata": {"internal/aside", "wire", "internal/cause", "internal/nametable",
		"internal/policy", "zone"},
	"server": {"internal/dnstap", "internal/hook", "internal/tsig", "wire", "internal/cause",
		"internal/clock",
		"internal/event", "internal/guard",
		"internal/ledger", "internal/limit", "internal/workers", "cache", "transport", "resolver",
		"internal/policy", "internal/recorder", "internal/rest", "internal/rpz",
		"internal/trouble"},
	"internal/expiry": {"wire", "internal/clock", "internal/trouble"},
	"internal/incident": {"wire", "internal/cause", "internal/clock", "internal/guard",
		"internal/rest", "internal/rounds", "internal/trouble"},
	"internal/recorder": {"wire", "internal/cause", "internal/event"},
	"internal/explain":  {"wire", "internal/cause", "internal/event", "resolver", "validator"},
	"internal/trouble":  {},
	"internal/dnstap": {"wire", "internal/cause", "internal/counter", "internal/guard",
		"internal/logfile", "internal/querylog", "internal/trouble", "transport"},
	"internal/tracing": {"wire", "internal/cause", "internal/counter", "internal/event",
		"internal/guard", "internal/pemfile", "internal/querylog", "internal/recorder",
		"internal/trouble", "transport"},
	"internal/fleet": {"wire", "cache", "internal/clock", "internal/counter", "internal/guard",
		"internal/pemfile", "internal/secrets", "internal/trouble"},
	"internal/fleet/fleettest": {"internal/fleet"},
	"internal/fleet/fleetsim":  {"internal/fleet"},
	"internal/announce":        {"internal/fleet", "internal/pattern", "internal/trouble", "wire"},
	"internal/acme": {"wire", "internal/clock", "internal/guard", "internal/pattern",
		"internal/pemfile", "internal/rest", "internal/rounds", "internal/state", "transport"},
	"internal/fleet/commands": {"internal/clock", "internal/fleet", "internal/guard",
		"internal/rounds", "internal/trouble"},
	"internal/service":  {},
	"internal/confine":  {},
	"internal/logfile":  {},
	"internal/querylog": {"wire", "internal/event", "internal/guard", "internal/logfile"},
	"internal/config": {"internal/aside", "internal/acme", "internal/confine", "internal/netzones",
		"internal/pattern", "internal/web", "internal/weblist", "internal/catalog", "wire",
		"cache", "trustanchor", "transport", "resolver", "server",
		"internal/cause", "internal/dnstap", "internal/fleet", "internal/nat64", "internal/policy",
		"internal/preset", "internal/localdata", "internal/rpz", "internal/discovery",
		"internal/console",
		"internal/incident", "internal/observe", "internal/querylog", "internal/recorder",
		"internal/service", "internal/state", "internal/tracing", "internal/watch", "internal/xdp",
		"secondary"},
	"internal/snapshot": {"internal/acme", "internal/weblist", "internal/catalog", "wire",
		"internal/clock", "internal/fleet", "cache", "validator", "trustanchor",
		"transport", "resolver", "internal/policy", "internal/config", "internal/console",
		"internal/localdata", "internal/pemfile", "internal/rpz", "internal/secrets",
		"internal/state", "internal/tracing", "secondary", "server", "zone"},
	"internal/observe": {"internal/acme", "internal/announce", "internal/fleet",
		"internal/fleet/commands", "internal/hook",
		"internal/weblist",
		"wire", "internal/cause",
		"internal/guard", "internal/counter",
		"internal/event", "internal/ledger", "internal/limit", "internal/memcache",
		"internal/state", "internal/xdp", "cache", "transport", "trustanchor", "resolver",
		"internal/policy", "internal/rpz", "secondary", "internal/console", "internal/expiry",
		"internal/incident", "internal/watch", "internal/check"},
	"internal/console":   {"wire", "internal/cause", "internal/guard", "internal/pemfile"},
	"internal/discovery": {"wire", "internal/policy"},
	"internal/lab":       {"transport"},
	"internal/logtest":   {},
	"internal/lab/labtest": {"wire", "internal/cause", "internal/event", "internal/lab",
		"internal/policy", "cache", "trustanchor", "transport", "resolver"},
	"internal/simulate": {"internal/cause", "internal/clock", "internal/event", "internal/lab",
		"internal/lab/labtest", "internal/policy", "cache", "transport", "resolver", "server",
		"trustanchor", "wire", "zone"},
	"internal/check": {"wire", "internal/cause", "validator"},
	"internal/check/probe": {"wire", "internal/cause", "internal/check", "resolver",
		"transport"},
	"internal/doctor": {"wire", "internal/cause", "internal/check", "internal/procnet", "transport",
		"validator"},
	"deploy":            {},
	"internal/install":  {"internal/pattern", "internal/state"},
	"internal/rollover": {},
	"internal/watch": {"wire", "internal/cause", "internal/check", "internal/check/probe",
		"internal/clock", "internal/guard", "internal/rest", "internal/rollover",
		"internal/rounds", "resolver", "transport", "validator"},
	"internal/migrate":  {"internal/config", "internal/pattern", "wire"},
	"internal/mutate":   {},
	"deploy/prometheus": {},
	"internal/gameday": {"deploy/prometheus", "internal/console", "internal/lab",
		"internal/pattern"},
}

func TestImportArrows(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "bench") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if name == "bailiwick" && !strings.HasPrefix(pkg, "contrib/") {
				t.Errorf("%s imports the library, which is for other programs", path)
			}
			if own, ok := strings.CutPrefix(name, "bailiwick/"); ok &&
				!slices.Contains(allowed[pkg], own) {
				t.Errorf("%s imports %s: %s may import only %v", path, own, pkg, allowed[pkg])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestArchitectureNamesPackagesAndModules shows that docs/architecture.md has every package but
// helpers of tests, and every module that go.mod asks for.
func TestArchitectureNamesPackagesAndModules(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		below := strings.TrimPrefix(pkg, "internal/") // as check/probe, in the row of its parent
		if pkg != "." && !strings.HasSuffix(pkg, "test") &&
			!strings.Contains(string(text), "\n"+pkg+"/ ") &&
			!(strings.Contains(below, "/") && strings.Contains(string(text), below)) {
			t.Errorf("package %s is not there", pkg)
		}
	}
	modules := 0
	for line := range strings.Lines(string(mod)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " v"); ok &&
			!strings.Contains(line, "// indirect") {
			if modules++; !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("module %s is not there", name)
			}
		}
	}
	if modules < 20 {
		t.Errorf("go.mod asks for %d modules", modules)
	}
}
