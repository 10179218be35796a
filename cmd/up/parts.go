// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/apiserver/options"
	"coxswain.dev/coxswain/config/crd"
	"coxswain.dev/coxswain/controllers"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/scheduler"
)

// newAPIServer configures the API server with its embedded etcd.
func (c *cluster) newAPIServer(context.Context) (lifecycle.Component, error) {
	flags := options.New()
	flags.DataDir = string(c.dir)
	completed, err := flags.Complete()
	if err != nil {
		return nil, err
	}
	config := completed.Config()
	config.Store.Embedded.QuotaBytes = c.etcdQuota
	config.Serving.BindAddress, config.Serving.Port = net.IPv4(127, 0, 0, 1), c.securePort
	config.Serving.CertFile, config.Serving.KeyFile = c.certs.APIServer.CertFile(), c.certs.APIServer.KeyFile()
	if !c.simulate {
		config.Serving.AlsoListen = []string{netip.AddrPortFrom(c.nodeAddress, uint16(c.securePort)).String()}
		config.Serving.AdvertiseAddress = c.nodeAddress.AsSlice()
	}
	config.Authentication.ClientCAFile = c.certs.CA.CertFile()
	config.Authentication.BootstrapTokens = true
	config.Authentication.ServiceAccountSigningKeyFile = c.certs.ServiceAccountKeyFile()
	config.Authentication.ServiceAccountKeyFiles = []string{c.certs.ServiceAccountPublicKeyFile()}
	config.Authentication.ServiceAccountIssuers = []string{"https://kubernetes.default.svc.cluster.local"}
	config.Authentication.RequestHeader.ClientCAFile = c.certs.FrontProxyCA.CertFile()
	config.Authentication.RequestHeader.AllowedNames = []string{"front-proxy-client"}
	config.Authentication.RequestHeader.UsernameHeaders = []string{"X-Remote-User"}
	config.Authentication.RequestHeader.GroupHeaders = []string{"X-Remote-Group"}
	config.Authentication.RequestHeader.ExtraHeaderPrefixes = []string{"X-Remote-Extra-"}
	config.Authorization.Modes = []string{"Node", "RBAC"}
	config.ProxyClientCertFile, config.ProxyClientKeyFile = c.certs.FrontProxyClient.CertFile(), c.certs.FrontProxyClient.KeyFile()
	config.Kubelet.ClientCertFile, config.Kubelet.ClientKeyFile = c.certs.APIServerKubeletClient.CertFile(), c.certs.APIServerKubeletClient.KeyFile()
	config.Kubelet.CAFile = c.certs.CA.CertFile()
	config.Kubelet.VerifyNodeNames = true                            // all our agents serve with pki.Cluster.Node's
	config.Kubelet.AddressTypes = []string{"InternalIP", "Hostname"} // the names of our nodes need not resolve
	config.Services.CIDRs = []netip.Prefix{c.services}
	server, err := apiserver.New(config)
	if err != nil {
		return nil, err
	}
	c.apiserver = server
	return server, nil
}

// as is how the part called name reaches the API server: in memory, with only the rights of its own identity.
func (c *cluster) as(name string, groups ...string) *rest.Config {
	return c.apiserver.ConfigFor(&user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)})
}

// installCRDs brings the cluster's own kinds up to date. It is a step, not a part.
func (c *cluster) installCRDs(ctx context.Context) (lifecycle.Component, error) {
	installer, err := client.New(c.as(policy.Installer), client.Options{Scheme: apis.NewClientScheme()})
	if err != nil {
		return nil, err
	}
	wanted, err := crd.All()
	if err != nil {
		return nil, err
	}
	for _, definition := range wanted {
		definition.SetManagedFields(nil)
		if err := installCRD(ctx, installer, definition); err != nil {
			return nil, fmt.Errorf("installing %s: %w", definition.Name, err)
		}
	}
	return nil, nil
}

// installCRD writes nothing when the definition is there and as it should be. One that cannot be changed stays as it is,
// and the cluster starts with it: a store that takes no writes is put right through the API.
func installCRD(ctx context.Context, admin client.Client, wanted *apiextensionsv1.CustomResourceDefinition) error {
	present := wanted.DeepCopy()
	err := admin.Get(ctx, client.ObjectKeyFromObject(wanted), present)
	if apierrors.IsNotFound(err) {
		return admin.Create(ctx, wanted)
	}
	if err != nil {
		return err
	}
	before := present.DeepCopy()
	present.Spec = wanted.Spec
	present.Spec.Conversion = before.Spec.Conversion // the server's default
	if equality.Semantic.DeepEqual(before.Spec, present.Spec) {
		return nil
	}
	err = admin.Patch(ctx, present, client.MergeFrom(before))
	if apierrors.IsInternalError(err) {
		ctrl.LoggerFrom(ctx).Error(err, "Keeping a custom resource definition as it was", "crd", wanted.Name)
		return nil
	}
	return err
}

// newControllers configures the controller manager and its HTTPS endpoint.
func (c *cluster) newControllers(context.Context) (lifecycle.Component, error) {
	config := controllers.NewConfig()
	config.Rest = c.as(policy.ControllerManager)
	config.NewCache = c.cache.NewCache
	config.RootCA = c.certs.CA.CertPEM()
	key, err := c.certs.CA.KeyPEM()
	if err != nil {
		return nil, err
	}
	config.Signing = &controllers.Signing{Certificate: c.certs.CA.CertPEM(), Key: key, Duration: signedFor}
	config.AllocateNodeCIDRs = true
	config.ClusterCIDRs, config.ServiceCIDRs = []netip.Prefix{c.pods}, []netip.Prefix{c.services}
	manager, err := controllers.New(config)
	if err != nil {
		return nil, err
	}
	endpoint, err := c.guarded(10257, serving.Config{Metrics: manager.Gatherer()})
	if err != nil {
		return nil, err
	}
	return together(manager, endpoint), nil
}

// newScheduler configures the scheduler and its HTTPS endpoint.
func (c *cluster) newScheduler(context.Context) (lifecycle.Component, error) {
	config := scheduler.Config{Rest: c.as(policy.Scheduler), NewCache: c.cache.NewCache}
	decide, err := scheduler.New(config)
	if err != nil {
		return nil, err
	}
	endpoint, err := c.guarded(10259, serving.Config{Metrics: decide.Gatherer(), Handlers: map[string]http.Handler{scheduler.DebugPath: decide.Handler()}})
	if err != nil {
		return nil, err
	}
	return together(decide, endpoint), nil
}
