// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/internal/pki"
)

// target is the server under attack.
var target struct {
	address string // host:port of its HTTPS listener
	certs   *pki.Cluster
	foreign *pki.Cluster // certificates of another cluster
	admin   kubernetes.Interface
	config  *rest.Config // the administrator's, in memory
	dir     string
}

// team is the namespace in which the matrix's service accounts have their roles; others have none in elsewhere.
const (
	team      = "team"
	elsewhere = "elsewhere"
)

func TestMain(m *testing.M) {
	code, err := withTarget(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func withTarget(run func() int) (code int, retErr error) {
	dir, err := os.MkdirTemp("", "coxattack")
	if err != nil {
		return 1, err
	}
	defer func() { retErr = errors.Join(retErr, os.RemoveAll(dir)) }()
	target.dir = dir
	if target.certs, err = pki.Ensure(filepath.Join(dir, "pki"), nil, time.Now()); err != nil {
		return 1, err
	}
	if target.foreign, err = pki.Ensure(filepath.Join(dir, "foreign"), nil, time.Now()); err != nil {
		return 1, err
	}
	server, err := apiserver.New(secured(dir, target.certs))
	if err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Start(ctx) }()
	defer func() { cancel(); retErr = errors.Join(retErr, <-stopped) }()
	select {
	case <-server.Ready():
	case err := <-stopped:
		stopped <- nil
		return 1, fmt.Errorf("starting the server: %w", err)
	case <-time.After(time.Minute):
		return 1, errors.New("the server is not ready after a minute")
	}
	target.address = server.Address().String()
	target.config = server.ConfigFor(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}})
	if target.admin, err = kubernetes.NewForConfig(target.config); err != nil {
		return 1, err
	}
	if err := prepare(ctx); err != nil {
		return 1, fmt.Errorf("preparing the cluster: %w", err)
	}
	return run(), nil
}

// secured is a server as `coxswain up` configures it, on a free port of loopback.
func secured(dir string, certs *pki.Cluster) apiserver.Config {
	c := apiserver.Config{}
	c.Store.Embedded = etcd.Config{Dir: filepath.Join(dir, "etcd"), UnsafeNoFsync: true}
	c.Serving.BindAddress = net.IPv4(127, 0, 0, 1)
	c.Serving.CertFile, c.Serving.KeyFile = certs.APIServer.CertFile(), certs.APIServer.KeyFile()
	c.Authentication.Anonymous = true
	c.Authentication.BootstrapTokens = true
	c.Authentication.ClientCAFile = certs.CA.CertFile()
	c.Authentication.ServiceAccountIssuers = []string{issuer}
	c.Authentication.ServiceAccountSigningKeyFile = certs.ServiceAccountKeyFile()
	c.Authentication.ServiceAccountKeyFiles = []string{certs.ServiceAccountPublicKeyFile()}
	c.Authentication.RequestHeader.ClientCAFile = certs.FrontProxyCA.CertFile()
	c.Authentication.RequestHeader.AllowedNames = []string{"front-proxy-client"}
	c.Authentication.RequestHeader.UsernameHeaders = []string{"X-Remote-User"}
	c.Authentication.RequestHeader.GroupHeaders = []string{"X-Remote-Group"}
	c.Authentication.RequestHeader.ExtraHeaderPrefixes = []string{"X-Remote-Extra-"}
	c.ProxyClientCertFile, c.ProxyClientKeyFile = certs.FrontProxyClient.CertFile(), certs.FrontProxyClient.KeyFile()
	c.Kubelet.ClientCertFile, c.Kubelet.ClientKeyFile = certs.APIServerKubeletClient.CertFile(), certs.APIServerKubeletClient.KeyFile()
	c.Authorization.Modes = []string{"Node", "RBAC"}
	return c
}

// prepare makes the two namespaces, the service accounts of the matrix and what binds them.
func prepare(ctx context.Context) error {
	for _, name := range []string{team, elsewhere} {
		if err := makeNamespace(ctx, name); err != nil {
			return err
		}
	}
	for account, role := range map[string]string{"nobody": "", "viewer": "view", "editor": "edit", "owner": "admin"} {
		if err := makeAccount(ctx, team, account); err != nil {
			return err
		}
		if role == "" {
			continue
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: team, Name: account}},
		}
		if _, err := target.admin.RbacV1().RoleBindings(team).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "alice"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "alice"}},
	}
	_, err := target.admin.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	return err
}

func makeNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := target.admin.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	return makeAccount(ctx, name, "default") // no controller makes it here, and pods need it
}

func makeAccount(ctx context.Context, namespace, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := target.admin.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	return err
}

// newNamespace is a namespace of the test's own.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := strings.Trim(strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())), "-")
	name = name[max(0, len(name)-50):]
	name = strings.Trim(fmt.Sprintf("%s-%x", name, time.Now().UnixNano()&0xffffff), "-")
	if err := makeNamespace(t.Context(), name); err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	return name
}

// identity is how somebody reaches the server over its socket.
type identity struct {
	certificate *tls.Certificate
	token       string
}

func withCertificate(t *testing.T, pair *pki.Pair) identity {
	t.Helper()
	key, err := pair.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{certificate: &certificate}
}

// userNamed is somebody with a good certificate of the cluster's authority.
func userNamed(t *testing.T, name string, groups ...string) identity {
	t.Helper()
	pair, err := target.certs.CA.New(pki.Leaf{CommonName: name, Organizations: groups, Client: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return withCertificate(t, pair)
}

// accountToken is a good token of a service account.
func accountToken(t *testing.T, namespace, name string, change ...func(*authenticationv1.TokenRequestSpec)) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{}
	for _, c := range change {
		c(&request.Spec)
	}
	made, err := target.admin.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, request, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("asking for a token: %v", err)
	}
	return made.Status.Token
}

// tlsConfig trusts the server and shows who's certificate.
func (who identity) tlsConfig() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(target.certs.CA.Cert)
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if who.certificate != nil {
		// Whatever authorities the server says that it accepts: an attacker shows what he has.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return who.certificate, nil }
	}
	return config
}

// client keeps no connections, so that nothing of one request is there in the next.
func (who identity) client() *http.Client {
	return &http.Client{
		Timeout:       20 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: who.tlsConfig(), DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what came back.
type answer struct {
	code   int
	body   []byte
	header http.Header
}

// message is the message of a Status, or the body.
func (a answer) message() string {
	status := &metav1.Status{}
	if json.Unmarshal(a.body, status) == nil && status.Message != "" {
		return status.Message
	}
	return string(a.body[:min(len(a.body), 300)])
}

// ask sends a request; a body that is no string or bytes is sent as JSON.
func (who identity) ask(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	got, err := who.try(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

func (who identity) try(ctx context.Context, method, path string, body any, headers ...string) (answer, error) {
	raw, err := encoded(body)
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+target.address+path, bytes.NewReader(raw))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/json")
	if len(raw) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if who.token != "" {
		request.Header.Set("Authorization", "Bearer "+who.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			request.Header.Set(headers[i], headers[i+1])
			continue
		}
		request.Header[headers[i]] = append(request.Header[headers[i]], headers[i+1]) // as written, case included
	}
	response, err := who.client().Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return answer{response.StatusCode, got, response.Header}, err
}

func encoded(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(b), nil
	case []byte:
		return b, nil
	}
	return json.Marshal(body)
}

// whoami is whom the server takes the asker for.
func (who identity) whoami(t *testing.T, headers ...string) (authenticationv1.UserInfo, answer) {
	t.Helper()
	review := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
	got := who.ask(t, http.MethodPost, "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, headers...)
	made := &authenticationv1.SelfSubjectReview{}
	_ = json.Unmarshal(got.body, made)
	return made.Status.UserInfo, got
}

// refused is whether an error is an API server's no.
func refused(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// still fails the test unless the server is well: after whatever was sent to it, an administrator is answered at once.
func still(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := target.admin.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{}); err != nil {
		t.Fatalf("the server does not answer an administrator any more: %v", err)
	}
}

// await polls until a condition holds, for ten seconds at most.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s until %s", what)
		}
		time.Sleep(10 * time.Millisecond) // between two looks, with the deadline above
	}
}

// dialSmall opens a connection whose receive buffer is as small as the system allows, so that what is not read stays
// with the server.
func dialSmall(t *testing.T, config *tls.Config) (net.Conn, error) {
	t.Helper()
	plain, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", target.address)
	if err != nil {
		return nil, err
	}
	if err := plain.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return conn, nil
}
