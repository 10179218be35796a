package nodeagent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/options"
	"coxswain.dev/coxswain/nodeagent/containerd"
)

func TestScratch(t *testing.T) {
	dir := "/tmp/ns"
	_ = os.MkdirAll(dir, 0o755)
	flags := options.New()
	flags.DataDir = dir + "/api"
	completed, err := flags.Complete()
	if err != nil {
		t.Fatal(err)
	}
	config := completed.Config()
	config.Serving.BindAddress, config.Serving.Port = net.IPv4(127, 0, 0, 1), 17891
	config.Serving.CertDir = dir + "/certs"
	config.Services.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.97.0.0/16")}
	server, err := apiserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.Start(ctx) }()
	select {
	case <-server.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	admin := server.ConfigFor(&user.DefaultInfo{Name: "admin", Groups: []string{"system:masters"}})
	client := kubernetes.NewForConfigOrDie(admin)
	if _, err := client.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{}); err != nil {
		t.Log(err)
	}
	began := time.Now()
	agent, err := New(Config{
		Rest:     server.ConfigFor(&user.DefaultInfo{Name: "system:node:n1", Groups: []string{"system:nodes", "system:authenticated"}}),
		NodeName: "n1", NodeIPs: []string{"10.98.0.1"}, PodCIDRs: []string{"10.98.1.0/24"}, RootDir: dir + "/node", Bridge: "cxt-pods", CgroupRoot: "/cxt",
		Containerd: containerd.Config{State: dir + "/r", ImageDir: "/tmp/na/images"},
		ClusterDNS: []string{"10.97.0.10"},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- agent.Start(ctx) }()
	select {
	case <-agent.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	fmt.Println("node ready after", time.Since(began))
	wait := func(name string, until func(*corev1.Pod) bool) *corev1.Pod {
		for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); {
			pod, err := client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
			if until == nil && err != nil {
				return nil
			}
			if until != nil && err == nil && until(pod) {
				return pod
			}
			time.Sleep(5 * time.Millisecond)
		}
		pod, _ := client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		raw, _ := yaml.Marshal(pod)
		fmt.Println("TIMEOUT", string(raw))
		t.Error("timeout " + name)
		return pod
	}
	no, grace := false, int64(2)
	for i := range 3 {
		name := fmt.Sprintf("web-%d", i)
		began = time.Now()
		_, err = client.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{NodeName: "n1", AutomountServiceAccountToken: &no,
			TerminationGracePeriodSeconds: &grace,
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers:                    []corev1.Container{{Name: "web", Image: "coxswain.dev/web:v1", Args: []string{"--drain=0s"}}}}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pod := wait(name, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
		fmt.Println(name, "running after", time.Since(began), pod.Status.PodIP)
		if i == 2 {
			raw, _ := yaml.Marshal(pod)
			fmt.Println(string(raw))
		}
	}
	n, _ := client.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})
	raw, _ := yaml.Marshal(n)
	fmt.Println(string(raw))
	if os.Getenv("HOLD") != "" {
		time.Sleep(10 * time.Minute)
	}
	for i := range 3 {
		name := fmt.Sprintf("web-%d", i)
		began = time.Now()
		_ = client.CoreV1().Pods("default").Delete(ctx, name, metav1.DeleteOptions{})
		wait(name, nil)
		fmt.Println(name, "gone after", time.Since(began))
	}
	events, _ := client.CoreV1().Events("").List(ctx, metav1.ListOptions{})
	for _, e := range events.Items {
		fmt.Println(e.InvolvedObject.Name, e.InvolvedObject.FieldPath, e.Reason, e.Message)
	}
	cancel()
	fmt.Println(<-done, <-done)
}
