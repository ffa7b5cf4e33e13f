package com.acme.stock;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Buys tea. */
public class Consumer {
    public static void main(String[] args) {
        ApplicationConfig application = new ApplicationConfig("java-shop");
        application.setQosEnable(false);
        ReferenceConfig<StockService> reference = new ReferenceConfig<>();
        reference.setInterface(StockService.class);
        reference.setVersion("1.0.0");
        DubboBootstrap bootstrap = DubboBootstrap.getInstance()
            .application(application)
            .registry(new RegistryConfig("zookeeper://" + System.getProperty("zookeeper", "127.0.0.1:2181")))
            .reference(reference)
            .start();
        StockService stock = reference.get();
        Stock tea = stock.find("tea");
        System.out.println(tea.getCount() + " of tea in " + tea.getWarehouse() + ", " + tea.getPrice() + " each");
        System.out.println(stock.all(Warehouse.SOUTH).size() + " article in SOUTH");
        System.out.println("milk: " + stock.find("milk"));
        try {
            System.out.println("bought 3, " + stock.reserve("tea", 3) + " left");
            stock.reserve("tea", 100);
        } catch (OutOfStock error) {
            System.out.println(error.getMessage() + ", " + error.getLeft() + " left");
        }
        bootstrap.stop();
    }
}
