package com.acme.stock;

import java.math.BigDecimal;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Keeps the stock in memory. */
public class WarehouseStock implements StockService {
    private final Map<String, Stock> stock = new LinkedHashMap<>();

    public WarehouseStock() {
        add("tea", 12, "4.20", Warehouse.NORTH);
        add("coffee", 7, "6.50", Warehouse.SOUTH);
    }

    private void add(String article, int count, String price, Warehouse warehouse) {
        stock.put(article, new Stock(article, count, new BigDecimal(price), warehouse, new Date()));
    }

    @Override
    public Stock find(String article) {
        return stock.get(article);
    }

    @Override
    public List<Stock> all(Warehouse warehouse) {
        return stock.values().stream()
            .filter(each -> each.getWarehouse() == warehouse)
            .collect(Collectors.toList());
    }

    @Override
    public synchronized int reserve(String article, int count) throws OutOfStock {
        Stock found = stock.get(article);
        int left = found == null ? 0 : found.getCount();
        if (count > left) {
            throw new OutOfStock(count + " of " + article + " are too many", left);
        }
        found.setCount(left - count);
        return found.getCount();
    }
}
