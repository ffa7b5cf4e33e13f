package com.acme.stock;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Serves the stock. The properties zookeeper and port say where. */
public class Provider {
    public static void main(String[] args) {
        ApplicationConfig application = new ApplicationConfig("java-stock");
        application.setQosEnable(false);
        ServiceConfig<StockService> service = new ServiceConfig<>();
        service.setInterface(StockService.class);
        service.setRef(new WarehouseStock());
        service.setVersion("1.0.0");
        DubboBootstrap bootstrap = DubboBootstrap.getInstance()
            .application(application)
            .registry(new RegistryConfig("zookeeper://" + System.getProperty("zookeeper", "127.0.0.1:2181")))
            .protocol(new ProtocolConfig("dubbo", Integer.getInteger("port", 20880)))
            .service(service)
            .start();
        System.out.println("the stock is served");
        bootstrap.await();
    }
}
