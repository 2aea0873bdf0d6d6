// Package kubernetes renders the Helm chart beside it. Its test holds the plain manifests to what
// the chart gives, and the chart to what the API of Kubernetes takes.
package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

// render returns the objects of the chart with values that are given as YAML, each as a document,
// in the order of the templates' names. only are the names of the templates that are wanted; none
// stands for all.
func render(values string, only ...string) (documents []string, err error) {
	c, err := loader.Load("chart")
	if err != nil {
		return nil, err
	}
	var v map[string]any
	if err := yaml.UnmarshalStrict([]byte(values), &v); err != nil {
		return nil, err
	}
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "bailiwick",
		Namespace: "dns", Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		name := path[strings.LastIndexByte(path, '/')+1:]
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		for _, d := range strings.Split("\n"+files[path], "\n---\n") {
			if d = strings.Trim(d, "\n "); d != "" {
				documents = append(documents, d)
			}
		}
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("the chart gives nothing of %v", only)
	}
	return documents, nil
}
