package kubernetes

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"
)

// The modules that the schemas are taken from, and of these the files.
const (
	kubernetesModule = "k8s.io/kubernetes@v1.37.1"
	operatorModule   = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
	swaggerFile      = "api/openapi-spec/swagger.json"
	crdFile          = "example/prometheus-operator-crd/monitoring.coreos.com_%ss.yaml"
)

// schemas is where kubeconform finds them. Nothing is downloaded.
const schemas = "testdata/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"

// shared is the file of the definitions that those of Kubernetes's kinds refer to.
const shared = "definitions.json"

// kinds are those that the chart gives, by the name of their definition; operated are of the
// Prometheus operator.
var kinds = map[string]string{
	"deployment-apps-v1":                     "io.k8s.api.apps.v1.Deployment",
	"daemonset-apps-v1":                      "io.k8s.api.apps.v1.DaemonSet",
	"service-v1":                             "io.k8s.api.core.v1.Service",
	"configmap-v1":                           "io.k8s.api.core.v1.ConfigMap",
	"serviceaccount-v1":                      "io.k8s.api.core.v1.ServiceAccount",
	"horizontalpodautoscaler-autoscaling-v2": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"poddisruptionbudget-policy-v1":          "io.k8s.api.policy.v1.PodDisruptionBudget",
	"networkpolicy-networking-v1":            "io.k8s.api.networking.v1.NetworkPolicy",
}

var operated = []string{"servicemonitor", "prometheusrule"}

// object is one of JSON.
type object = map[string]any

// TestSchemas writes the schemas anew if asked to. They are of the version that the API's types are
// of.
func TestSchemas(t *testing.T) {
	if *rewrite {
		writeSchemas(t)
	}
	var of object
	readJSON(t, filepath.Join("testdata/schemas", shared), &of)
	if of["$comment"] != kubernetesModule {
		t.Errorf("the schemas are of %v: go test . -run TestSchemas -rewrite", of["$comment"])
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(kubernetesModule, "@v1.")
	if !strings.Contains(string(mod), "k8s.io/api v0."+version+"\n") {
		t.Errorf("the API's types are of another version than %s", kubernetesModule)
	}
}

// validated has kubeconform judge objects, strictly: what no schema knows is an error.
func validated(t *testing.T, text string) (problems []string) {
	t.Helper()
	v, err := validator.New([]string{schemas}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range v.Validate("chart", io.NopCloser(strings.NewReader(text))) {
		switch r.Status {
		case validator.Valid:
			seen++
		case validator.Empty:
		default:
			problems = append(problems, fmt.Sprint(r.Err))
		}
	}
	if seen == 0 && len(problems) == 0 {
		t.Error("there is nothing to validate")
	}
	return problems
}

// TestChartConforms has kubeconform validate all that the chart gives, with the values that
// TestChartIsStrict has.
func TestChartConforms(t *testing.T) {
	for _, values := range renderings {
		documents, err := render(values)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range validated(t, strings.Join(documents, "\n---\n")) {
			t.Errorf("with %q: %s", values, p)
		}
	}
}

// TestManifestsConform has kubeconform validate the files that people apply as they are.
func TestManifestsConform(t *testing.T) {
	files, err := filepath.Glob("manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "coredns-forward.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range validated(t, string(text)) {
			t.Errorf("%s: %s", file, p)
		}
	}
}

// TestSchemasRefuse has what is wrong in a manifest refused: schemas that let everything pass would
// pass the chart, too.
func TestSchemasRefuse(t *testing.T) {
	documents, err := render("autoscaling: {enabled: true}\n" +
		"monitoring: {serviceMonitor: true, rules: true}")
	if err != nil {
		t.Fatal(err)
	}
	good := strings.Join(documents, "\n---\n")
	if p := validated(t, good); len(p) > 0 {
		t.Fatal(p)
	}
	for _, c := range []struct{ from, to, why string }{
		{"readOnlyRootFilesystem:", "readOnlyRootFileSystem:", "misspelt field of a container"},
		{"maxReplicas:", "maximum:", "required field that is missing"},
		{"minReplicas: 2", "minReplicas: two", "not a number"},
		{"containerPort: ", "containerPort: port", "not a port"},
		{"policyTypes:", "types:", "misspelt field of a network policy"},
		{"kind: PodDisruptionBudget", "kind: DisruptionBudget", "kind that there is not"},
		{"interval: 30s", "interval: often", "not an interval"},
		{"endpoints:", "endpoint:", "misspelt field of a ServiceMonitor"},
		{"groups:", "group:", "misspelt field of a PrometheusRule"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Errorf("%s: there is no %q", c.why, c.from)
		}
		if len(validated(t, bad)) == 0 {
			t.Errorf("%s: passes", c.why)
		}
	}
}

// writeSchemas makes the schemas of the files of the modules.
func writeSchemas(t *testing.T) {
	t.Helper()
	var swagger struct{ Definitions map[string]object }
	readJSON(t, filepath.Join(downloaded(t, kubernetesModule), swaggerFile), &swagger)
	needed := map[string]any{}
	for _, definition := range kinds {
		collect(swagger.Definitions, definition, needed)
	}
	collect(swagger.Definitions, objectMeta, needed)
	writeJSON(t, shared, object{"$comment": kubernetesModule, "definitions": needed})
	for file, definition := range kinds {
		kind := definition[strings.LastIndexByte(definition, '.')+1:]
		writeJSON(t, file+".json", object{"allOf": []any{
			object{"$ref": shared + "#/definitions/" + definition},
			object{"properties": object{"kind": object{"enum": []any{kind}}}}}})
	}
	for _, kind := range operated {
		text, err := os.ReadFile(filepath.Join(downloaded(t, operatorModule),
			fmt.Sprintf(crdFile, kind)))
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema object }
				}
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatal(err)
		}
		v := crd.Spec.Versions[0]
		schema := strict(v.Schema.OpenAPIV3Schema).(object)
		schema["$comment"] = operatorModule
		schema["properties"].(object)["metadata"] =
			object{"$ref": shared + "#/definitions/" + objectMeta}
		writeJSON(t, kind+"-monitoring-"+v.Name+".json", schema)
	}
}

// objectMeta is the definition of all objects' metadata.
const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

// collect adds a definition, made strict, and all that it refers to.
func collect(all map[string]object, name string, to map[string]any) {
	if to[name] != nil {
		return
	}
	of, ok := all[name]
	if !ok {
		panic("no definition " + name)
	}
	of = strict(of).(object)
	if name == "io.k8s.apimachinery.pkg.api.resource.Quantity" {
		of = object{"type": []any{"string", "number"}} // the API takes both
	}
	to[name] = of
	for _, ref := range references(of) {
		collect(all, strings.TrimPrefix(ref, "#/definitions/"), to)
	}
}

// references returns what a schema refers to.
func references(of any) (list []string) {
	switch of := of.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if ref, ok := of[key].(string); ok && key == "$ref" {
				list = append(list, ref)
			}
			list = append(list, references(of[key])...)
		}
	case []any:
		for _, v := range of {
			list = append(list, references(v)...)
		}
	}
	return list
}

// strict returns a schema without words for people, by which an object has no properties but those
// that are named, unless it is a map.
func strict(of any) any {
	switch of := of.(type) {
	case []any:
		list := make([]any, len(of))
		for i, v := range of {
			list[i] = strict(v)
		}
		return list
	case object:
		if of["format"] == "int-or-string" || of["x-kubernetes-int-or-string"] == true {
			return object{"type": []any{"integer", "string"}}
		}
		clean := object{}
		for key, v := range of {
			switch {
			case key == "properties": // whose keys are names
				properties := object{}
				for name, p := range v.(object) {
					properties[name] = strict(p)
				}
				clean[key] = properties
			case key == "description" && isText(v), key == "default", key == "format",
				strings.HasPrefix(key, "x-"):
			default:
				clean[key] = strict(v)
			}
		}
		if clean["properties"] != nil && clean["additionalProperties"] == nil &&
			of["x-kubernetes-preserve-unknown-fields"] != true {
			clean["additionalProperties"] = false
		}
		return clean
	}
	return of
}

func isText(v any) bool { _, ok := v.(string); return ok }

// downloaded returns the folder of a module, which go downloads and verifies.
func downloaded(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	var m struct{ Dir, Error string }
	if e := json.Unmarshal(out, &m); err != nil || e != nil || m.Error != "" {
		t.Fatal(err, e, m.Error)
	}
	return m.Dir
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, name string, of any) {
	t.Helper()
	text, err := json.Marshal(of)
	if err == nil {
		err = os.MkdirAll("testdata/schemas", 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("testdata/schemas", name), append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
