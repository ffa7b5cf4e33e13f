package peers;

import com.acme.OrderService;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Calls the providers of a registry, or of a list of URLs, until standard input ends. */
public class Loop {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-loop");
        application.setQosEnable(false);
        ReferenceConfig<OrderService> reference = new ReferenceConfig<>();
        reference.setInterface(OrderService.class);
        reference.setVersion("1.0.0");
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(application);
        if (args[0].startsWith("dubbo:")) {
            reference.setUrl(args[0]);
        } else {
            bootstrap.registry(new RegistryConfig(args[0]));
        }
        reference.setTimeout(5000);
        reference.setRetries(2);
        reference.setCheck(false);
        bootstrap.reference(reference).start();
        OrderService orders = reference.get();
        System.out.println("READY " + orders.say("bob"));
        int made = 0;
        int failed = 0;
        String reason = "";
        while (System.in.available() == 0) {
            try {
                orders.say("bob");
            } catch (RuntimeException error) {
                failed++;
                reason = String.valueOf(error.getMessage()).replace("\n", " ");
            }
            if (++made % 100 == 0) {
                System.out.println("MADE " + made);
            }
        }
        System.out.println("FAILED " + failed + " " + reason);
        System.exit(0);
    }
}
